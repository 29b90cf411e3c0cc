//! Lua scripts: each makes one step of the protocol one step of the server.
//!
//! Invariant: a script names all keys that it touches, and they are in one slot.

use std::sync::OnceLock;

use redis::{Cmd, cmd};

/// A Lua script for [`RedisRemote::run`](super::RedisRemote::run). All keys that it touches have to be passed as keys, and be
/// in one slot.
#[derive(Debug)]
pub struct Script {
    source: &'static str,
    hash: OnceLock<String>,
}

/// Returns the fence, created if it is absent and kept for another while, and a claim for each key: its value, 1 for a
/// lease, 0 for somebody else's lease. A key whose value is not a string counts as absent. A lease names the fence that it
/// was given under: under another one it is void, since what its holder loads will not be stored.
///
/// KEYS: fence, then key and lease key of each ask. ARGV: new fence, its lifetime in milliseconds, holder, lease in
/// milliseconds, then of each ask whether it was absent (1 or 0).
pub(super) static BEGIN: Script = Script::new(
    r"
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
local answer = {redis.call('GET', KEYS[1])}
redis.call('PEXPIRE', KEYS[1], ARGV[2])
for ask = 1, (#KEYS - 1) / 2 do
  local key, lease = KEYS[2 * ask], KEYS[2 * ask + 1]
  local value = ARGV[4 + ask] == '1' and redis.pcall('GET', key)
  local held = redis.pcall('GET', lease)
  if type(value) == 'string' then
    answer[ask + 1] = value
  elseif type(held) == 'string' and string.sub(held, 1, #answer[1]) == answer[1] then
    answer[ask + 1] = 0
  else
    redis.call('SET', lease, answer[1] .. ARGV[3], 'PX', ARGV[4])
    answer[ask + 1] = 1
  end
end
return answer
",
);

/// Stores entries if the fence is still the same, but not over tombstones, and gives leases back in any case, even
/// when the server is out of memory. Returns the number of values stored, or -1 if the fence has changed.
///
/// KEYS: fence, keys of the entries, lease keys. ARGV: fence, holder, magic of tombstones, number of entries, then
/// value and lifetime in milliseconds of each entry.
pub(super) static FINISH: Script = Script::new(
    r"
local entries, stored, failure = tonumber(ARGV[4]), 0, nil
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then
  stored = -1
else
  for entry = 1, entries do
    local key = KEYS[1 + entry]
    if redis.pcall('GETRANGE', key, 0, #ARGV[3] - 1) ~= ARGV[3] then
      local set = redis.pcall('SET', key, ARGV[3 + 2 * entry], 'PX', ARGV[4 + 2 * entry])
      if set.err then failure = set else stored = stored + 1 end
    end
  end
end
for lease = 2 + entries, #KEYS do
  if redis.pcall('GET', KEYS[lease]) == ARGV[1] .. ARGV[2] then redis.call('DEL', KEYS[lease]) end
end
return failure or stored
",
);

impl Script {
    /// A script of this source. Its hash is computed when it first runs.
    pub const fn new(source: &'static str) -> Self {
        Self { source, hash: OnceLock::new() }
    }

    /// Calls it by its hash: what almost always works.
    pub(super) fn by_hash(&self, keys: &[String], args: &[Vec<u8>]) -> Cmd {
        let hash = self.hash.get_or_init(|| redis::Script::new(self.source).get_hash().to_owned());
        command("EVALSHA", hash, keys, args)
    }

    /// Calls it by its source, which the server then remembers. In a cluster this reaches the one node that needs it,
    /// whereas loading it would need all of them.
    pub(super) fn by_source(&self, keys: &[String], args: &[Vec<u8>]) -> Cmd {
        command("EVAL", self.source, keys, args)
    }
}

fn command(name: &str, script: &str, keys: &[String], args: &[Vec<u8>]) -> Cmd {
    let mut command = cmd(name);
    command.arg(script).arg(keys.len()).arg(keys).arg(args);
    command
}
