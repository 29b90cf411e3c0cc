//! A record of the stream, as the texts of its attributes.
//!
//! Pure, so that records of the SDK and stream events in JSON go the same way.

use geo_index::key::{BaseKey, IndexKey, parse_sort};
use geo_index::{Collection, H3Cell};

use super::Change;

/// The attributes of an image that say where it was found: `None` for one that is absent or no text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Image<'a> {
    /// Partition of the index, `<collection>#<root>`.
    pub root: Option<&'a str>,
    /// Sort key of the index, `<leaf>#<id>`.
    pub leaf: Option<&'a str>,
}

/// The texts of a record that matter here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Texts<'a> {
    /// The base key.
    pub key: Option<&'a str>,
    /// The item before.
    pub old: Option<Image<'a>>,
    /// The item now.
    pub new: Option<Image<'a>>,
}

/// What a record means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A place came, moved, changed or went.
    Place(Change),
    /// The same, but an image is damaged: the change says what could be read.
    Damaged(Change, String),
    /// No position can be read at all: any page of any collection may be out of date.
    Unknown(String),
    /// An item that is no place.
    Other,
}

/// Reads a record.
///
/// ```
/// use cellar_api::changes::record::{Image, Meaning, Texts, meaning};
///
/// let image = Image { root: Some("wineries#831fb4fffffffff"), leaf: Some("8f1fb46625550c3#w-1") };
/// let Meaning::Place(change) = meaning(Texts { key: Some("wineries#w-1"), old: None, new: Some(image) }) else {
///     panic!("a place");
/// };
/// assert_eq!((change.collection.as_str(), change.old), ("wineries", None));
/// assert_eq!(change.new.unwrap().to_string(), "8f1fb46625550c3");
/// ```
pub fn meaning(texts: Texts<'_>) -> Meaning {
    if texts.key.is_some_and(|key| key.starts_with('#')) {
        return Meaning::Other;
    }
    let base = texts.key.and_then(|key| key.parse::<BaseKey>().ok());
    let (old, new) = (
        texts.old.map(|image| read(image, base.as_ref())),
        texts.new.map(|image| read(image, base.as_ref())),
    );
    let found = [&old, &new].into_iter().flatten().filter_map(|read| read.found.clone());
    let found: Vec<(Collection, H3Cell)> = found.collect();
    let what = texts.key.unwrap_or("without a key");
    let Some((collection, _)) = found.first().cloned() else {
        return Meaning::Unknown(format!("item `{what}` has no position that can be read"));
    };
    if found.iter().any(|(other, _)| *other != collection) {
        return Meaning::Unknown(format!("item `{what}` names two collections"));
    }
    let leaf = |read: &Option<Read>| read.as_ref().and_then(|read| Some(read.found.as_ref()?.1));
    let change = Change { collection, old: leaf(&old), new: leaf(&new) };
    let sound = [&old, &new].into_iter().flatten().all(|read| read.sound);
    if sound {
        Meaning::Place(change)
    } else {
        Meaning::Damaged(change, format!("the keys of item `{what}` are damaged"))
    }
}

struct Read {
    found: Option<(Collection, H3Cell)>,
    /// Whether the keys are as this program writes them.
    sound: bool,
}

/// The index finds an item by its own two attributes, so these count before the base key.
fn read(image: Image<'_>, base: Option<&BaseKey>) -> Read {
    let (root, leaf) = (image.root.unwrap_or_default(), image.leaf.unwrap_or_default());
    if let Ok(index) = IndexKey::parse(root, leaf) {
        let sound = base.is_some_and(|base| base.collection == index.collection && base.id == index.id);
        return Read { found: Some((index.collection, index.leaf)), sound };
    }
    let collection = root.split_once('#').and_then(|(name, _)| name.parse().ok());
    let collection = collection.or_else(|| base.map(|base| base.collection.clone()));
    let text = leaf.split('#').next().unwrap_or_default();
    let leaf = parse_sort(leaf).map(|(leaf, _)| leaf).ok().or_else(|| leaf_of(text));
    Read { found: collection.zip(leaf), sound: false }
}

fn leaf_of(text: &str) -> Option<H3Cell> {
    parse_sort(&format!("{text}#x")).ok().map(|(leaf, _)| leaf)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARIS: Image<'_> =
        Image { root: Some("wineries#831fb4fffffffff"), leaf: Some("8f1fb46625550c3#w-1") };

    fn texts<'a>(old: Option<Image<'a>>, new: Option<Image<'a>>) -> Texts<'a> {
        Texts { key: Some("wineries#w-1"), old, new }
    }

    fn leaf() -> H3Cell {
        "8f1fb46625550c3".parse().unwrap()
    }

    #[test]
    fn places_come_move_and_go() {
        let change = |old: bool, new: bool| {
            Meaning::Place(Change {
                collection: "wineries".parse().unwrap(),
                old: old.then(leaf),
                new: new.then(leaf),
            })
        };
        assert_eq!(meaning(texts(None, Some(PARIS))), change(false, true));
        assert_eq!(meaning(texts(Some(PARIS), Some(PARIS))), change(true, true));
        assert_eq!(meaning(texts(Some(PARIS), None)), change(true, false));
    }

    #[test]
    fn other_items_are_no_changes() {
        let image = Image { root: Some("#collections"), leaf: Some("wineries") };
        for key in ["#collection#wineries", "#import#wineries#a.csv:1"] {
            let texts = Texts { key: Some(key), old: None, new: Some(image) };
            assert_eq!(meaning(texts), Meaning::Other);
        }
    }

    #[test]
    fn of_a_damaged_image_counts_what_can_be_read() {
        let damages = [
            Image { root: Some("wineries#831fb0fffffffff"), ..PARIS },
            Image { root: None, ..PARIS },
            Image { root: Some("?"), ..PARIS },
            Image { leaf: Some("8f1fb46625550c3"), ..PARIS },
            Image { leaf: Some("8f1fb46625550c3#"), ..PARIS },
            Image { leaf: Some("8f1fb46625550c3#another"), ..PARIS },
        ];
        for image in damages {
            let Meaning::Damaged(change, _) = meaning(texts(None, Some(image))) else {
                panic!("{image:?} is damaged, and its leaf can be read");
            };
            assert_eq!((change.collection.as_str(), change.new), ("wineries", Some(leaf())), "{image:?}");
        }
        for image in [Image { leaf: None, ..PARIS }, Image { leaf: Some("x#w-1"), ..PARIS }] {
            assert!(matches!(meaning(texts(None, Some(image))), Meaning::Unknown(_)), "{image:?}");
            let Meaning::Damaged(change, _) = meaning(texts(Some(PARIS), Some(image))) else {
                panic!("the old image can be read");
            };
            assert_eq!((change.old, change.new), (Some(leaf()), None));
        }
        let keyless = Texts { key: None, ..texts(None, Some(PARIS)) };
        assert!(matches!(meaning(keyless), Meaning::Damaged(..)));
        assert!(matches!(meaning(texts(None, None)), Meaning::Unknown(_)), "without images");
        let other = Image { root: Some("cities#831fb4fffffffff"), ..PARIS };
        assert!(matches!(meaning(texts(Some(PARIS), Some(other))), Meaning::Unknown(_)));
    }
}
