local p = require "p"
local values = { 0, 1, -1, 0.5, -2.5, 1e15, 1 / 0, math.pi }
for _, n in ipairs { "abs", "ceil", "floor", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "exp", "log", "tointeger", "type", "deg", "rad" } do
	for _, v in ipairs(values) do p(n, v, pcall(math[n], v)) end
end
p(math.fmod(7, 3), math.fmod(-7, 3), math.fmod(7.5, 2), pcall(math.fmod, 1, 0))
p(math.modf(3.7), math.modf(-3.7), math.modf(1 / 0))
p(math.max(1, 5, 3), math.min(2, 0.5), math.ult(1, -1), math.log(8, 2), math.log(100, 10), math.log(5, 3))
for _, x in ipairs { 7, -7, 7.5, -7.5, 1e300 } do
	for _, y in ipairs { 2, -2, 0.5, 3 } do
		p(x, y, x // y, x % y, x / y, x * y, x - y, x ^ y, x < y, x <= y, x == y)
	end
end
for _, x in ipairs { 1, 255, -1, math.maxinteger, math.mininteger } do
	for _, s in ipairs { 0, 1, 31, 63, 64, -1, -64 } do p(x << s, x >> s, x & s, x | s, x ~ s, ~x) end
end
p(pcall(function() return 1 // 0 end))
p(pcall(function() return 1 % 0 end))
p(1.0 // 0, -1 // 0.0, 0 / 0 ~= 0 / 0)
p(pcall(function() return 1.5 | 1 end))
p(pcall(function() return "a" | 1 end), pcall(function() return "3" | 4 end))
p(2.0 | 1)
p(math.tointeger("8"), math.tointeger(3.0), tonumber("z", 36), tonumber("0x1p4"), tonumber("1e1"), tonumber("  12  "), tonumber("12a"))
p(tonumber("7", 8), tonumber("9", 8), pcall(tonumber, "1", 99), tonumber("1e400"), tonumber("0x"), tonumber("9223372036854775808"))
math.randomseed(42, 7)
for _ = 1, 5 do p(math.random(), math.random(10), math.random(-5, 5), math.random(0), math.random(1 << 40)) end
p(pcall(math.random, 2, 1))
p(1 < 1.5, 1.5 < 2, math.maxinteger < 1e300, math.mininteger <= -1e300, 2 ^ 53 == 2 ^ 53 + 1, math.maxinteger + 0.0 == math.maxinteger)
p(1e15, 1e100, 2 ^ 53, 1e15 + 0.5, -0.0, 100 // 1e0, 3 | 0)
for i = 3, 1, -1 do p(i) end
for i = 1.0, 2.0, 0.25 do p(i) end
for i = math.maxinteger - 1, math.maxinteger do p(i) end
p(pcall(function() for _ = 1, 2, 0 do end end))
p(pcall(function() for _ = "a", 2 do end end))
if math.pow then p(math.pow(2, 3), math.cosh(0), math.sinh(0), math.tanh(0), math.log10(1000), math.frexp(8), math.ldexp(1, 3)) end
