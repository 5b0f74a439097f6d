local p = require "p"
collectgarbage()
p(collectgarbage("isrunning"), collectgarbage("stop"), collectgarbage("isrunning"), collectgarbage("restart"), collectgarbage("step"))
local finalised = 0
for _, mode in ipairs { "generational", "incremental", "generational", "incremental" } do
	p(collectgarbage(mode))
	local keys, values = setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "v" })
	local both = setmetatable({}, { __mode = "kv" })
	for i = 1, 2000 do
		keys[{}] = i
		values[i] = {}
		both[{}] = {}
		local k = {}
		keys[k] = { k }
		setmetatable({}, { __gc = function() finalised = finalised + 1 end })
	end
	collectgarbage()
	collectgarbage()
	p(next(keys), next(values), next(both), finalised)
	local long = {}
	for i = 1, 20000 do long[i] = { i, tostring(i), function() return i end } end
	for i = 1, 20000, 2 do long[i][1] = { long[i][3]() } end
	for i = 1, 5 do collectgarbage("step", 100 * i) end
	long = nil
	collectgarbage("step", 100)
	collectgarbage()
	local co = {}
	for i = 1, 100 do
		co[i] = coroutine.wrap(function(...) local a, b = ...; local up = function() return a, b end; coroutine.yield(); return up() end)
		co[i](i, {})
	end
	collectgarbage()
	local sum = 0
	for i = 1, 100 do sum = sum + (co[i]()) end
	p(sum)
end
p(collectgarbage("setpause", 150) ~= nil, collectgarbage("setstepmul", 200) ~= nil, collectgarbage("count") > 0)
p(collectgarbage("incremental", 100, 200, 10), collectgarbage("generational", 20, 100), collectgarbage("incremental"))
p(pcall(collectgarbage, "nope"))
local risen
setmetatable({ name = "risen" }, { __gc = function(o) risen = o end })
collectgarbage()
p(risen and risen.name)
warn("@on")
setmetatable({}, { __gc = function() error("in finaliser") end })
collectgarbage()
for i = 1, 300 do local s = ("s"):rep(i) .. i; assert(#s > i) end
local userdata = {}
for i = 1, 50 do userdata[i] = io.tmpfile() end
userdata = nil
collectgarbage()
setmetatable({}, { __gc = function() print("at the end") end })
