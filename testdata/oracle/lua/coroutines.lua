local p = require "p"
local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
local s = 0
for v in gen(100) do s = s + v end
p(s)
local co = coroutine.create(function(a, b)
	local c = coroutine.yield(a + b)
	local d, e = coroutine.yield(c * 2)
	error({ code = d + e })
end)
p(coroutine.resume(co, 1, 2))
p(coroutine.status(co), coroutine.resume(co, 10))
local ok, e = coroutine.resume(co, 3, 4)
p(ok, type(e), e.code, coroutine.status(co))
p(coroutine.resume(co))
p(coroutine.isyieldable(), coroutine.running() ~= nil)
p(coroutine.close(coroutine.create(print)))
p(pcall(coroutine.wrap(function() error("in co") end)))
co = coroutine.wrap(function() return pcall(function() coroutine.yield(1); error("after") end) end)
p(co())
p(co())
p(select(2, pcall(coroutine.yield)))
co = coroutine.create(function()
	local x <close> = setmetatable({}, { __close = function() p("closed by close") end })
	coroutine.yield()
end)
coroutine.resume(co)
p(coroutine.close(co))
-- yields across metamethods, iterators, pcall, table.sort's comparison is refused
local y = setmetatable({}, {
	__add = function(a, b) return coroutine.yield("add") end, __index = function(_, k) return coroutine.yield(k) end,
	__eq = function() return coroutine.yield("eq") end, __lt = function() return coroutine.yield("lt") end, __le = function() return coroutine.yield("le") end,
	__concat = function() return coroutine.yield("concat") end, __call = function() return coroutine.yield("call") end,
	__newindex = function() coroutine.yield("newindex") end, __len = function() return coroutine.yield("len") end,
	__unm = function() return coroutine.yield("unm") end, __close = function() coroutine.yield("close") end,
})
local wrapped = coroutine.wrap(function()
	local other = setmetatable({}, getmetatable(y))
	local r = { y + 1, y.field, y == other, y < other, y <= other, y .. "x", y(), #y, -y }
	y.z = 1
	do local c <close> = y end
	for v in function(_, last) if not last then return coroutine.yield("iterate") end end do r[#r + 1] = v end
	p(xpcall(function() coroutine.yield("in xpcall"); error("x") end, function(m) return "handled " .. m end))
	return table.unpack(r, 1, 10)
end)
local results = table.pack(wrapped())
while results.n == 1 do
	p(table.unpack(results))
	results = table.pack(wrapped(results[1] .. "-result"))
end
p(table.unpack(results))
p(pcall(coroutine.wrap(function() table.sort({ 3, 2, 1 }, function() coroutine.yield() end) end)))
p(pcall(coroutine.resume, 1))
local self
self = coroutine.create(function() p(coroutine.resume(self)); p(pcall(coroutine.close, self)) end)
coroutine.resume(self)
local function depth(n) if n == 0 then return 0 end return 1 + coroutine.wrap(depth)(n - 1) end
p(depth(50))
p(pcall(depth, 400) == false or "deep")
local many = {}
for i = 1, 200 do many[i] = coroutine.create(function(x) while true do x = x + coroutine.yield(x) end end) end
local total = 0
for round = 1, 5 do for i, c in ipairs(many) do total = total + select(2, coroutine.resume(c, i + round)) end end
p(total)
