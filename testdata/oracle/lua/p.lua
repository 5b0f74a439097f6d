-- p(...) prints its arguments, tables and functions by their type alone: addresses differ from run to run.
local function show(v)
	local t = type(v)
	if t == "table" or t == "function" or t == "thread" or t == "userdata" then
		local mt = getmetatable(v)
		if type(mt) ~= "table" or not mt.__tostring then return t end
	end
	return (tostring(v):gsub("0x%x%x%x%x%x%x+", "PTR"))
end

return function(...)
	local t = table.pack(...)
	for i = 1, t.n do t[i] = show(t[i]) end
	print(table.concat(t, "\t"))
end
