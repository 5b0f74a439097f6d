local p = require "p"
local t = { 5, 3, 8, 1, 9, 2, 7 }
table.sort(t)
p(table.concat(t, ","))
table.sort(t, function(a, b) return a > b end)
p(table.concat(t, ","))
p(pcall(table.sort, { 3, 1, 2, 5, 4, 1, 1, 1, 1, 1 }, function() return true end))
p(pcall(table.sort, { 1, "x" }))
table.insert(t, 1, 100)
table.insert(t, 200)
p(table.remove(t), table.remove(t, 1), table.concat(t, "-", 2, 4), table.unpack(t, 1, 3))
p(pcall(table.insert, t, 100, 1))
p(pcall(table.insert, t))
p(pcall(table.concat, { 1, {}, 3 }))
p(table.concat(table.move({ 1, 2, 3, 4, 5 }, 2, 4, 1), ","), table.concat(table.move({ 1, 2, 3 }, 1, 3, 2), ","), #table.move({ 1, 2 }, 1, 2, 1, {}))
p(table.pack(1, nil, 3).n, select("#", 1, nil, nil), select(-1, 1, 2, 3), pcall(select, 0))
p(pcall(table.unpack, {}, 1, 1e8))
local big = {}
for i = 1, 5000 do big[i] = (i * 7919) % 5003 end
table.sort(big)
p(big[1], big[2500], big[5000])
for i = 1, 5000, 2 do big[i] = nil end
local sum = 0
for _, v in pairs(big) do sum = sum + v end
p(sum, next({}), rawlen(big) > 0, rawequal(big, big), #{ 1, 2, nil, 4 } > 0)
local h = {}
for i = 1, 300 do
	h["k" .. i] = i
	h[i * 1.5] = i
	h[-i] = i
	h[i % 2 == 0] = i
	h[function() end] = i
	h[("long key "):rep(9) .. i] = i
	h[io.stdout] = i
	h[print] = i
	h[math.pi * i] = i
end
for i = 1, 300, 3 do h["k" .. i] = nil end
sum = 0
for _, v in pairs(h) do sum = sum + v end
p(sum, h[("long key "):rep(9) .. 7], h[3.0], h[true])
p(pcall(function() h[nil] = 1 end))
p(pcall(function() h[0 / 0] = 1 end))
p(pcall(next, {}, "nope"))
p(pcall(rawset, 1, 2, 3))
p(pcall(ipairs))
for i, v in ipairs(setmetatable({}, { __index = function(_, i) if i < 4 then return i * i end end })) do p(i, v) end
local proxy = setmetatable({}, { __index = { 1, 2, 3 }, __len = function() return 3 end, __newindex = function(t, k, v) rawset(t, k, v) end })
p(table.unpack(proxy))
p(table.concat(proxy, "+"))
local list = { [1] = 1, [2] = 2, [4] = 4, n = 5, ["a b"] = 6, [1.5] = 7 }
for k in pairs(list) do list[k] = nil end
p(next(list))
local nested = {}
for i = 1, 70 do nested = { nested, i, x = i } end
local depth = 0
while nested[1] do nested, depth = nested[1], depth + 1 end
p(depth)
local items = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, select(2, 0, 53, 54) }
p(#items)
