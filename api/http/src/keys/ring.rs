//! All keys that there are, and who presents one of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use cellar_model::Collection;

use super::{ID_CHARS, KeyFile, KeyRecord, PREFIX, Right, Scope, SecretHash};

/// Longest name of a key, which is written to logs.
const MAX_NAME_CHARS: usize = 64;

/// Who presented a valid key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Id of the key.
    pub id: Arc<str>,
    scopes: Arc<[Scope]>,
}

impl Caller {
    /// Somebody with these scopes.
    pub fn new(id: &str, scopes: Vec<Scope>) -> Self {
        Self { id: id.into(), scopes: scopes.into() }
    }

    /// Whether one of the scopes allows something in a collection; `None` is what concerns all of them.
    pub fn may(&self, right: Right, collection: Option<&Collection>) -> bool {
        self.scopes.iter().any(|scope| scope.permits(right, collection))
    }
}

/// Why what was presented is no valid key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is none that there is.
    Unknown,
    /// It was one.
    Expired,
}

struct Key {
    caller: Caller,
    hash: SecretHash,
    expires: Option<SystemTime>,
}

/// Keys by their ids.
pub struct Keyring {
    keys: HashMap<String, Key>,
    /// What an unknown id is compared with, so that it takes as long as a known one.
    nothing: SecretHash,
}

impl Keyring {
    /// Reads records from JSON.
    ///
    /// # Errors
    ///
    /// What is wrong, without any value of a record.
    pub fn parse(json: &str) -> Result<Self, String> {
        let file: KeyFile =
            serde_json::from_str(json).map_err(|error| format!("is no list of keys: {error}"))?;
        Self::of(file.keys)
    }

    /// Takes records.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn of(records: Vec<KeyRecord>) -> Result<Self, String> {
        let mut keys = HashMap::new();
        for KeyRecord { id, name, scopes, sha256, expires, .. } in records {
            if id.len() != ID_CHARS
                || !id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            {
                return Err(format!("has a key whose id is not {ID_CHARS} of a-z and 0-9"));
            }
            if name.is_some_and(|name| name.chars().count() > MAX_NAME_CHARS) {
                return Err(format!("has a name of more than {MAX_NAME_CHARS} characters, that of key {id}"));
            }
            if keys.contains_key(&id) {
                return Err(format!("has key {id} twice"));
            }
            let caller = Caller::new(&id, scopes);
            keys.insert(id, Key { caller, hash: sha256, expires });
        }
        Ok(Self { keys, nothing: SecretHash([0; 32]) })
    }

    /// How many there are, expired ones included.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Who presents a key. That takes as long whatever is wrong with it.
    pub fn find(&self, presented: &str, now: SystemTime) -> Result<Caller, Refused> {
        let (id, secret) =
            presented.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).unwrap_or(("", presented));
        let key = self.keys.get(id);
        let is_right = key.map_or(&self.nothing, |key| &key.hash).matches(secret);
        match key {
            Some(key) if is_right && key.expires.is_none_or(|end| now < end) => Ok(key.caller.clone()),
            Some(_) if is_right => Err(Refused::Expired),
            _ => Err(Refused::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn key(expires: Option<SystemTime>) -> (KeyRecord, String) {
        KeyRecord::generate(None, vec!["write:a".parse().unwrap()], SystemTime::UNIX_EPOCH, expires)
    }

    #[test]
    fn only_the_whole_key_is_found() {
        let ((record, right), (_, other)) = (key(None), key(None));
        let ring = Keyring::of(vec![record.clone()]).unwrap();
        let now = SystemTime::now();
        assert_eq!(&*ring.find(&right, now).unwrap().id, record.id);
        let mut changed = right.clone();
        let last = if changed.pop() == Some('A') { 'B' } else { 'A' };
        changed.push(last);
        let swapped = format!("cellar_{}_{}", record.id, &other[PREFIX.len() + ID_CHARS + 1..]);
        for wrong in [
            "",
            "cellar_",
            "cellar__",
            &right[..right.len() - 1],
            &format!("{right}A"),
            &changed,
            &other,
            &swapped,
            &right[PREFIX.len()..],
            &record.id,
        ] {
            assert_eq!(ring.find(wrong, now), Err(Refused::Unknown), "{wrong}");
        }
    }

    #[test]
    fn two_keys_are_valid_beside_each_other_and_one_ends() {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let ((old, old_key), (new, new_key)) = (key(Some(end)), key(None));
        let ring = Keyring::of(vec![old, new]).unwrap();
        let before = end - Duration::from_millis(1);
        assert!(ring.find(&old_key, before).is_ok() && ring.find(&new_key, before).is_ok());
        assert_eq!(ring.find(&old_key, end), Err(Refused::Expired));
        assert!(ring.find(&new_key, end).is_ok());
        assert_eq!(
            ring.find(&format!("{old_key}x"), end),
            Err(Refused::Unknown),
            "that it has expired is told to its owner"
        );
    }

    #[test]
    fn records_that_cannot_be_meant_are_refused() {
        let (record, _) = key(None);
        let changed = |change: fn(&mut KeyRecord)| {
            let mut record = record.clone();
            change(&mut record);
            record
        };
        for (records, reason) in [
            (vec![record.clone(), record.clone()], "twice"),
            (vec![changed(|record| record.id = "A".into())], "not 12 of"),
            (vec![changed(|record| record.name = Some("n".repeat(65)))], "more than 64"),
        ] {
            let error = Keyring::of(records).err().unwrap();
            assert!(error.contains(reason), "{error}");
        }
        for wrong in ["", "[]", r#"{"keys":[{}]}"#, r#"{"keys":[],"more":1}"#] {
            assert!(Keyring::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_a_key_but_the_key(presented in "(cellar_)?[ -~]{0,60}", text in any::<String>()) {
            let (record, key) = key(None);
            let with_id = format!("cellar_{}_{presented}", record.id);
            let ring = Keyring::of(vec![record]).unwrap();
            for presented in [&presented, &with_id, &text, &format!("{key}{presented} ")] {
                prop_assert_eq!(ring.find(presented, SystemTime::now()), Err(Refused::Unknown));
            }
            prop_assert!(Keyring::parse(&text).is_err());
        }
    }
}
