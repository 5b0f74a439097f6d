local p = require "p"
local mt = { __name = "My" }
mt.__index = function(_, k) return k .. "!" end
mt.__newindex = function(t, k, v) rawset(t, k, v * 2) end
mt.__call = function(_, ...) return select("#", ...) end
mt.__tostring = function() return "OBJ" end
mt.__len = function() return 77 end
for _, o in ipairs { "add", "sub", "mul", "div", "mod", "pow", "idiv", "band", "bor", "bxor", "shl", "shr", "concat" } do
	mt["__" .. o] = function() return o end
end
mt.__unm = function() return "unm" end
mt.__bnot = function() return "bnot" end
mt.__eq = function() return true end
mt.__lt = function() return true end
mt.__le = function() return false end
mt.__close = function(_, e) p("closed", e) end
mt.__pairs = function(t) return function(_, k) if not k then return 1, 2 end end, t, nil end
local a, b = setmetatable({}, mt), setmetatable({}, mt)
a.x = 5
p(a.x, a.y, a(1, 2), tostring(a), #a, a + 1, 1 - a, a * b, a / 2, a % 2, a ^ 2, a // 2, a & 1, a | 1, a ~ 1, a << 1, a >> 1, a .. "s", -a, ~a, a == b, a < b, a <= b)
p(1 + a, 2 // a, "x" .. a, 1.5 & a, 1 < a, a > 1, a ~= b, a >= 3)
for k, v in pairs(a) do p(k, v) end
do
	local z <close> = a
	local k <const> = 5
	p("in", k)
end
p(pcall(function() local z <close> = a; error("boom") end))
p(pcall(function() local z <close> = 42 end))
p(select("#", (function(...) local z <close> = a; return ... end)(1, 2, 3)))
for _ in (function() return nil end), nil, nil, a do end
p(getmetatable("").__index == string, pcall(setmetatable, 1, {}))
p(getmetatable(setmetatable({}, { __metatable = "locked" })), pcall(setmetatable, setmetatable({}, { __metatable = 1 }), {}))
for _, f in ipairs {
	function() return {} < {} end, function() return {} .. 1 end, function() local x; x.y = 1 end, function() undefined() end,
	function() return #5 end, function() return -{} end, function() return 1 < "2" end, function() return {} + 1 end,
	function() return a.b.c.d end, function() string.nope() end, function() return ("x"):nope() end, function() return 2 ^ {} end,
	function() return 1 & 1.5 end, function() return 1 & "x" end, function() local t = setmetatable({}, { __index = 5 }); return t.x end,
	function() local t = setmetatable({}, { __newindex = 5 }); t.x = 1 end, function() return math.huge | 1 end, function() return a[nil].x end,
} do p(pcall(f)) end
local chain = setmetatable({}, { __index = setmetatable({ x = 1 }, { __index = function(_, k) return k end }) })
p(chain.x, chain.other)
p(tostring(setmetatable({}, { __name = "Named" })):match("^Named: ") ~= nil, pcall(tostring, setmetatable({}, { __tostring = function() return 1 end })))
local loop = {}
p(pcall(function() setmetatable(loop, { __index = loop }); return loop.x end))
