-- SPDX-License-Identifier: Apache-2.0
-- An interpreter's loop: calls, tables, strings.
local function fib(n)
    if n < 2 then return n end
    return fib(n - 1) + fib(n - 2)
end

local sieve, primes = {}, 0
for i = 2, 150000 do
    if not sieve[i] then
        primes = primes + 1
        for j = i * i, 150000, i do sieve[j] = true end
    end
end
local parts = {}
for i = 1, 20000 do parts[#parts + 1] = string.format("%d:%x", i, i * 7919) end
local text, vowels = table.concat(parts, ","), 0
for word in text:gmatch("%x+") do vowels = vowels + #word:gsub("[0-9]", "") end
print(fib(25), primes, #text, vowels)
