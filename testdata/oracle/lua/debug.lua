local p = require "p"
local i = debug.getinfo(1, "nSlutrL")
p(i.short_src, i.currentline, i.what, i.nups, i.isvararg, i.nparams, i.istailcall, i.ftransfer, i.ntransfer, type(i.activelines))
p(debug.getinfo(print).what, pcall(debug.getinfo, 1, "X"), debug.getinfo(99))
local calls = {}
debug.sethook(function(event, line) calls[event] = (calls[event] or 0) + 1 end, "crl", 1)
local function callee(x) return x end
local z = 0
for k = 1, 10 do z = z + callee(k) end
debug.sethook()
p(calls.call > 9, calls["return"] > 9, calls.line > 9, calls.count > 9, debug.gethook())
local function locals(a, b, ...) local c = 3; return { debug.getlocal(1, 1) }, { debug.getlocal(1, 3) }, { debug.getlocal(1, -1) }, { debug.getlocal(1, 99) } end
for _, l in ipairs { locals(1, 2, "extra") } do p(table.unpack(l)) end
p(debug.getlocal(locals, 1), debug.setlocal(1, 2, nil) ~= nil, pcall(debug.getlocal, 99, 1))
local up = 5
local function uses() return up, z end
p(debug.getupvalue(uses, 1), debug.setupvalue(uses, 1, 6), up, debug.upvalueid(uses, 1) ~= nil, debug.getupvalue(string.gmatch("a", "a"), 1))
local function other() return z end
debug.upvaluejoin(uses, 1, other, 1)
p(uses())
print((debug.traceback("tb", 1):gsub("0x%x+", "PTR")))
p(debug.getmetatable("").__index == string, debug.setmetatable(10, { __index = function(n, k) return k end }), (5).field)
debug.setmetatable(10, nil)
p(debug.getregistry() ~= nil, debug.getuservalue(io.stdout, 1), pcall(debug.setuservalue, io.stdout, 1))
local co = coroutine.create(function(a) local b = a; coroutine.yield(b); error("in thread") end)
coroutine.resume(co, 7)
p(debug.getlocal(co, 1, 1), debug.getinfo(co, 1, "l").currentline, (debug.traceback(co)))
debug.sethook(co, function() end, "l")
p(debug.gethook(co) ~= nil, coroutine.resume(co))
p((debug.traceback(co)), debug.traceback({}) ~= nil, debug.traceback(nil) == nil)
local function deep(n) if n == 0 then return debug.traceback() end return (deep(n - 1)) end
p(select(2, deep(40):gsub("\n", "")))
p(select(2, pcall(function() debug.sethook(function() debug.sethook(); error("from hook") end, "l"); local x = 1; return x end)))
debug.sethook()
p(pcall(function() local t <close> = setmetatable({}, { __close = function() error("in close") end }) end))
