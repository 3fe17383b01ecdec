"""The Lua scripts: what must happen at once or not at all. Keys of a script share a hash tag."""

NEVER_OWNED = 2**53 - 1
"""The token of an erased session: larger than any claim's, and exact in Lua's numbers."""

_STANDING = """
local mine, number = tonumber(ARGV[1]), tonumber(ARGV[2])
local state = redis.call('HMGET', KEYS[1], 'token', 'number')
local token = tonumber(state[1] or '0')
if token > mine then return 0 end
local written = token == mine and tonumber(state[2] or '0') or 0
"""
"""Begins what an owner asks: a session of another's is left alone. ARGV token, number."""

COMMIT = f"""{_STANDING}
if written < number then return 2 end
local last = tonumber(redis.call('HGET', KEYS[1], 'seq') or '0')
local before = last
for i = 11, #ARGV, 2 do
  local seq = tonumber(ARGV[i])
  if seq > last then
    redis.call('XADD', KEYS[2], ARGV[i] .. '-0', 'e', ARGV[i + 1])
    last = seq
  end
end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'number', ARGV[4], 'owner', ARGV[5],
  'tenant', ARGV[6], 'secret', ARGV[7], 'closed', ARGV[8], 'snapshot', ARGV[9], 'seq', last)
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
if last > before then redis.call('PUBLISH', ARGV[10], 'log ' .. last) end
return 1
"""
"""KEYS state, log. ARGV token, number before, ttl_s, number, owner, tenant, secret, closed,
snapshot, topic, then seq and event of each."""

CLAIM = """
if redis.call('HEXISTS', KEYS[1], 'snapshot') == 0 then return {} end
if redis.call('HGET', KEYS[1], 'closed') ~= '1' then
  redis.call('HINCRBY', KEYS[1], 'token', 1)
  redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'number', 0)
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return redis.call('HGETALL', KEYS[1])
"""
"""KEYS state, log. ARGV owner, ttl_s."""

TOUCH = f"""{_STANDING}
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return written < number and 2 or 1
"""
"""KEYS state, log. ARGV token, number, ttl_s."""

ERASE = f"""
if redis.call('HDEL', KEYS[1], 'snapshot') == 0 then return 0 end
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('HSET', KEYS[1], 'token', '{NEVER_OWNED}')
return 1
"""
"""KEYS state, log, shares. The state stays till it expires, so that its owner's commits fail."""

ADD_SHARE = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
redis.call('EXPIREAT', KEYS[1], last)
return 1
"""
"""KEYS shares. ARGV digest, ttl_s, limit."""

SHARES = """
local now = tonumber(redis.call('TIME')[1])
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'WITHSCORES')
for i = 2, #found, 2 do found[i] = tostring(tonumber(found[i]) - now) end
return found
"""
"""KEYS shares. Digests, each with how many seconds it is still good."""

REMOVE_SHARE = "return redis.call('ZREM', KEYS[1], ARGV[1])"
"""KEYS shares. ARGV digest."""

ENTER_TENANT = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and
   redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
"""KEYS places. ARGV session, limit, ttl_s."""

RENEW_TENANT = """
local now = tonumber(redis.call('TIME')[1])
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""
"""KEYS places. ARGV ttl_s, then sessions."""

HEARTBEAT = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[3]))
for _, replica in ipairs(gone) do
  redis.call('ZREM', KEYS[1], replica)
  redis.call('HDEL', KEYS[2], replica)
end
return redis.call('HVALS', KEYS[2])
"""
"""KEYS seen, load. ARGV replica, load as JSON, ttl_s."""
