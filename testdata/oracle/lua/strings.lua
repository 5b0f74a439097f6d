local p = require "p"
for _, f in ipairs { "%d", "%5d", "%-5d|", "%05d", "%+d", "%x", "%X", "%#x", "%o", "%c", "%i" } do p(f, string.format(f, 42)) end
for _, f in ipairs { "%f", "%.3f", "%e", "%g", "%a", "%10.2f", "%G" } do p(f, string.format(f, 3.14159)) end
p(string.format("%q", "a\n\0b\"c\\"), string.format("%s %10s %-10s|", nil, "x", "y"), string.format("%q", 1 / 3), string.format("%q", math.mininteger))
p(pcall(string.format, "%y", 1))
p(pcall(string.format, "%d", "x"))
p(pcall(string.format, "%d", 1.5))
p(#string.format("%p", {}) > 2, string.format("%p", 1))
for _, pattern in ipairs { "%a+", "%d*", "(%w+)=(%w+)", "%b()", "%f[%w]%w+", "[^%s]+", "^%s*(.-)%s*$", "()ab()", "[a-z]-c", "%%", "%x%x", "(.)%1" } do
	local s = "hello ab=cd (f(x)) %  abc 12ff zz"
	p(pattern, string.find(s, pattern))
	p(pattern, string.match(s, pattern))
	p(pattern, string.gsub(s, pattern, "<%0>"))
	for a, b in string.gmatch(s, pattern) do p("gmatch", a, b) end
end
p(("x"):rep(10, ","), ("abc"):reverse(), ("AbC"):lower(), ("AbC"):upper(), ("abc"):byte(1, -1))
p(string.char(65, 66), #"abc", ("hello"):sub(2, -2), ("hello"):sub(-3), ("a.b"):find(".", 1, true))
p(string.gsub("abc def", "%w+", { abc = "1" }))
p(string.gsub("abc", "%w", function(c) return c .. c end))
p(pcall(string.gsub, "a", "a", "%2"))
for _, bad in ipairs { "[a", "%", "(a", "a)", "%b", "%f", "[%" } do p(bad, pcall(string.find, "a", bad)) end
p(pcall(string.rep, "x", 1 << 40))
local sample = { s = "str", z = "str", s1 = "str", ["!8 i1 i8"] = { 1, 2 } }
for _, f in ipairs { "b", "B", "h", "H", "i4", "I4", "l", "j", "J", "T", "f", "d", "n", "s", "z", "<i3", ">I2", "!8 i1 i8", "i16", "s1", "c5", "x", "Xi4", "=i2", "q" } do
	local v = sample[f] or f == "c5" and "abc" or 77
	local ok, r = pcall(string.pack, f, table.unpack(type(v) == "table" and v or { v }))
	p(f, ok, ok and r:gsub(".", function(c) return string.format("%02x", c:byte()) end) or r)
	if ok then
		p(pcall(string.unpack, f, r))
		p(pcall(string.packsize, f))
	end
end
p("10" + 5, "0x10" * 2, 10 .. 20, "3" // 2, -"2", "7" % 4, "2" ^ 3, pcall(function() return "a" + 1 end))
p(utf8.char(72, 228, 8364, 0x10FFFF), utf8.len("häß€"), utf8.codepoint("h€", 1, -1))
p(utf8.offset("a€b", 3), utf8.len("\xff"), #utf8.charpattern, utf8.offset("a€b", -1))
for at, code in utf8.codes("a€ß") do p(at, code) end
p(pcall(function() for _ in utf8.codes("\xff") do end end))
p("\z
	skipped \x41\u{20AC}\065 \a\b\f\v\'" == "skipped A€A \a\b\f\v'")
for i = 1, 60 do local s = ("k"):rep(i); assert(({ [s] = i })[s] == i) end
