-- SPDX-License-Identifier: Apache-2.0
-- A compiler at run time: many short programs, then loops that stay.
local function fib(n)
    if n < 2 then return n end
    return fib(n - 1) + fib(n - 2)
end

local sums = {}
for r = 1, 40 do
    local text = "local s = 0; for i = 1, 20000 do s = (s * %d + i) %% 1000003 end return s"
    sums[r] = loadstring(text:format(r * 7 + 1))()
end
local sieve, primes = {}, 0
for i = 2, 300000 do
    if not sieve[i] then
        primes = primes + 1
        for j = i * i, 300000, i do sieve[j] = true end
    end
end
local s = 0
for i = 1, 60000 do
    local x = string.format("%x", i * 7919)
    s = s + #x + x:byte(1)
end
print(fib(27), primes, s, table.concat(sums, ","))
