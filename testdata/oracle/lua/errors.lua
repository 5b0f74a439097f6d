local p = require "p"
for i = 1, 3 do
	for j = 1, 3 do
		if j == 2 then goto continue end
		p(i, j)
		::continue::
	end
end
local function va(...) local a, b = ... return select("#", ...), a, b, ... end
p(va())
p(va(1, nil, 3))
p((va(1, 2)))
local function fact(n) if n <= 1 then return 1 end return n * fact(n - 1) end
p(fact(20), fact(25.0))
local function tail(n) if n == 0 then return "done" end return tail(n - 1) end
p(tail(100000))
p(pcall(function() local function r() return 1 + r() end return r() end))
p(pcall(string.gsub, "x", "x", function() error("in gsub") end))
p(select("#", table.unpack({}, 1, 200)))
p(xpcall(function() error("x", 2) end, function(m) return "H:" .. m end))
p((select(2, xpcall(function() error() end, debug.traceback))))
p(pcall(error, { 1 }))
p(pcall(error))
p(select(2, xpcall(error, function() error("again") end, "q")))
p(pcall(require, "no.such.module"))
package.preload.mm = function(n) return { n = n } end
p(require("mm").n, package.loaded.mm ~= nil, package.searchpath("x", "./?.nope;./?/y.nope"))
p(pcall(package.loadlib, "./no.so", "f"))
p(package.loadlib("./no.so", "*"))
p(package.config:sub(1, 1), assert(1, 2))
p(pcall(assert, false))
p(pcall(assert, nil, "msg"))
p(pcall(assert))
p(type(nil), type(print), pcall(type))
warn("@on")
warn("hello ", "warn")
warn("@off")
warn("silent")
-- how variables are named in messages
local up
for _, f in ipairs {
	function() local l; l() end, function() up() end, function() global() end, function() local t = {}; t.field() end,
	function() local t = {}; t:method() end, function() return up + 1 end, function() return up .. "x" end, function() return up.x.y end,
	function() return ({})["k"].z end, function() local t = {}; return t[1][2] end, function() return #up end, function() for _ in 5 do end end,
	function() string.rep() end, function() ("x"):rep({}) end, function() io.open() end, function() setmetatable({}) end, function() math.floor({}) end,
	function() return 1 < {} end, function() return {} <= {} end, function() return nil < 1 end, function() return -up end, function() return ~up end,
} do p(pcall(f)) end
p(pcall(load, function() error("reader") end))
p(pcall(load, function() return {} end))
