local p = require "p"
p(load("return 1+1")())
for _, text in ipairs {
	"syntax error here", "x=", "for", "goto nope", "break", "local x<const> =1 x=2", "return '\\400'", "a.b:c'x'{}", "x=x=1", "return 0x", "return 1e",
	"return 'open", "return [[open", "--[[open", "return \"\\q\"", "return '\\u{zz}'", "return '\\u{FFFFFFFFF}'", "local function", "if x then", "while true do",
	"repeat", "::a:: ::a::", "local x <strange> = 1", "return ...", "function f() return ... end", "f(", "a.1=2", "x = }", "return 3..2", "local a <close>, b <close> = 1, 2",
	"do goto l; local x; ::l:: x = 1 end", "return \"\\xZZ\"", "return \"a\nb\"", "@", "return 'a' 'b' = 1", "for i = 1 do end", "for a, b, c 5 do end", "and", "return function(x, ..., y) end",
} do p(text, load(text)) end
p(load("return '\\u{7FFFFFFF}'") ~= nil, load("--[==[ long\n]==] return [[\nabc]]")(), load("return 0x.8p1, 1e-3, .5, 3., 0xA")())
p(load(("x="):rep(10) .. "1"))
p(load("local a " .. (",a"):rep(250) .. "=1"))
p(load("return " .. ("("):rep(300) .. "1" .. (")"):rep(300)))
p(load("return " .. ("{"):rep(150) .. ("}"):rep(150)) ~= nil)
p(#load("return '" .. ("x"):rep(5000) .. "'")())
local many = {}
for i = 1, 300 do many[i] = ("local function f%d(a, b) local t = {a, b, x = %d, [a] = b}; return t.x + %d.5 end"):format(i % 100, i, i) end
p(load("do " .. table.concat(many, " end do ") .. " end return 'many'")())
local constants = {}
for i = 1, 70000 do constants[i] = "x = " .. i .. ".25" end
p(load(table.concat(constants, "\n")) ~= nil)
local function dumped(x)
	local s = 0
	for i = 1, x do
		s = s + i * 2
		if s > 10 then s = s - 1 end
	end
	local nested = function(...) return s, ... end
	return nested("str", 1.5, true, nil, -7, math.maxinteger, ("long"):rep(20))
end
for _, strip in ipairs { false, true } do
	local d = string.dump(dumped, strip)
	p(load(d, "d", "b")(10))
	p(load(d, "d", "t"))
	for cut = 1, #d - 1, 7 do
		local f, e = load(d:sub(1, cut), "cut", "b")
		if cut % 49 == 1 then p(cut, f, e) end
	end
end
p(load("\27Lua"))
p(load("\27Lua" .. ("\0"):rep(40), "bad", "b"))
local n = 0
p(load(function() n = n + 1; return ({ "return ", "1", "+", "2" })[n] end)())
p(load("return _ENV.x", nil, "t", { x = 9 })())
p(load("local _ENV = {y = 3}; return y")())
p(pcall(load("local a = ...; return a.b.c", "=name"), {}))
p(loadstring == nil, dofile("value.lua"))
p(loadfile("value.lua"), loadfile("no such file"), loadfile("value.lua", "b"))
p(pcall(dofile, "no such file"))
p(load([[
	local a, b, c = 1, 2
	local t = { a, b; c, ["x y"] = 1, f = function(self, n) if n > 0 then return self:f(n - 1) else return self.z or "leaf" end end }
	repeat local done = a > 5; a = a + 1 until done
	while b < 100 do b = b * 3; if b == 54 then break end end
	for k, v in pairs { 10, 20 } do a = a + k * v end
	local s = a > b and "gt" or not c and "le" or "?"
	return a, b, s, t:f(3), #t, a ~= b, not a == b, a .. b .. s, (a or b) and (c or s), 1 << 3 | 5 & 6 ~ 1, -a ^ 2, 7 // 2 * 3 % 4
]])())
