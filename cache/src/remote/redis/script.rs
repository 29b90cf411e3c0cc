//! The scripts that make a step of the protocol one step of the server.
//!
//! Invariant: a script names all keys that it touches, and they are in one slot.

use std::sync::LazyLock;

use redis::{Cmd, Script, cmd};

/// A Lua script.
pub(super) struct Lua {
    source: &'static str,
    hash: LazyLock<String>,
}

macro_rules! lua {
    ($source:expr) => {
        Lua { source: $source, hash: LazyLock::new(|| Script::new($source).get_hash().to_owned()) }
    };
}

/// What a script is called with: its keys and its arguments.
#[derive(Default)]
pub(super) struct Call {
    keys: Vec<Vec<u8>>,
    args: Vec<Vec<u8>>,
}

/// Returns the fence, made if it is absent and kept for another while, and a claim for each key: its value, 1 for a
/// lease, 0 for somebody else's lease. A key that holds no text counts as absent. A lease names the fence that it was
/// given under: under another one it is void, since what its holder loads will not be stored.
///
/// KEYS: fence, then key and lease key of each ask. ARGV: new fence, its lifetime in milliseconds, holder, lease in
/// milliseconds, then of each ask whether it was absent (1 or 0).
pub(super) static BEGIN: Lua = lua!(
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
"
);

/// Stores entries if the fence is still the same, but not over tombstones, and gives leases back in any case, also
/// when the server is out of memory. Returns the number of values stored, or -1 if the fence was another.
///
/// KEYS: fence, keys of the entries, lease keys. ARGV: fence, holder, magic of tombstones, number of entries, then
/// value and lifetime in milliseconds of each entry.
pub(super) static FINISH: Lua = lua!(
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
"
);

/// Takes a role or keeps it; returns 1, or 0 if another holder has it. KEYS: role. ARGV: holder, milliseconds.
pub(super) static HOLD: Lua = lua!(
    r"
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"
);

/// Gives a role back. KEYS: role. ARGV: holder.
pub(super) static RELEASE: Lua = lua!(
    r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"
);

/// Adds to scores and keeps the highest. KEYS: table. ARGV: how many to keep, milliseconds, then score and member of
/// each addition.
pub(super) static ADD_SCORES: Lua = lua!(
    r"
for at = 3, #ARGV, 2 do redis.call('ZINCRBY', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[1]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"
);

impl Lua {
    /// Calls it by its hash: what almost always works.
    pub(super) fn by_hash(&self, call: &Call) -> Cmd {
        Self::command("EVALSHA", &self.hash, call)
    }

    /// Calls it by its source, which the server then remembers. In a cluster this reaches the one node that needs it,
    /// whereas loading it would need all of them.
    pub(super) fn by_source(&self, call: &Call) -> Cmd {
        Self::command("EVAL", self.source, call)
    }

    fn command(name: &str, script: &str, call: &Call) -> Cmd {
        let mut command = cmd(name);
        command.arg(script).arg(call.keys.len()).arg(&call.keys).arg(&call.args);
        command
    }
}

impl Call {
    pub(super) fn key(&mut self, key: impl Into<Vec<u8>>) -> &mut Self {
        self.keys.push(key.into());
        self
    }

    pub(super) fn arg(&mut self, arg: impl Into<Vec<u8>>) -> &mut Self {
        self.args.push(arg.into());
        self
    }

    /// A whole number.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.arg(number.to_string())
    }
}
