local function sieve(n)
	local t, count = {}, 0
	for i = 2, n do t[i] = true end
	for i = 2, n do
		if t[i] then
			count = count + 1
			for j = i * i, n, i do t[j] = false end
		end
	end
	return count
end
print(sieve(20000))

local function queens(n)
	local count, row, up, down = 0, {}, {}, {}
	local function place(i)
		if i > n then count = count + 1; return end
		for j = 1, n do
			if not row[j] and not up[i + j] and not down[i - j + n] then
				row[j], up[i + j], down[i - j + n] = true, true, true
				place(i + 1)
				row[j], up[i + j], down[i - j + n] = nil, nil, nil
			end
		end
	end
	place(1)
	return count
end
print(queens(7))

local buffer = {}
for i = 1, 2000 do buffer[#buffer + 1] = ("%d:%s"):format(i, ("x"):rep(i % 7)) end
print(#table.concat(buffer, ","))

local x, y, vx, vy = 1.0, 0.0, 0.0, 1.0
for _ = 1, 20000 do
	local r3 = (x * x + y * y) ^ 1.5
	vx, vy = vx - x / r3 * 1e-3, vy - y / r3 * 1e-3
	x, y = x + vx * 1e-3, y + vy * 1e-3
end
print(("%.10f %.10f"):format(x, y))

local function serialise(v)
	if type(v) ~= "table" then return string.format("%q", v) end
	local out, keys = {}, {}
	for k in pairs(v) do keys[#keys + 1] = k end
	table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
	for _, k in ipairs(keys) do out[#out + 1] = serialise(k) .. ":" .. serialise(v[k]) end
	return "{" .. table.concat(out, ",") .. "}"
end
print(serialise { 1, 2, { a = 1, b = { true, false } }, x = "y" })

local Account = {}
Account.__index = Account
function Account.new(balance) return setmetatable({ balance = balance }, Account) end
function Account:deposit(v) self.balance = self.balance + v; return self end
local Savings = setmetatable({}, { __index = Account })
Savings.__index = Savings
function Savings:interest(rate) return self:deposit(self.balance * rate) end
print(setmetatable(Account.new(100), Savings):deposit(50):interest(0.1).balance)
