//! A record of the stream, as the texts of its attributes.
//!
//! Pure, so that records of the SDK and stream events in JSON go the same way.

use cellar_model::key::{BaseKey, CATEGORIES_PER_PLACE, CategoryKey, IndexKey, parse_sort, roots};
use cellar_model::{Category, Collection, PageKey, Placement};
use geo_index::{GridCell as _, H3Cell, Leaf};

use super::Change;

/// The attributes of an image that say where it was found: `None` for one that is absent or no text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Image<'a> {
    /// Partition of the index, `<collection>#<root>`.
    pub root: Option<&'a str>,
    /// Sort key of the index, `<leaf>#<id>`.
    pub leaf: Option<&'a str>,
    /// Partitions of the indexes by category, `<collection>#<shard>#<category>`.
    pub categories: [Option<&'a str>; CATEGORIES_PER_PLACE],
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
    /// A root was registered, or the list of roots became complete: these pages list roots.
    Roots(Vec<PageKey>),
    /// No position can be read at all: any page of any collection may be out of date.
    Unknown(String),
    /// An item that is no place.
    Other,
}

/// Reads a record.
///
/// ```
/// use cellar_changes::record::{Image, Meaning, Texts, meaning};
///
/// let image = Image {
///     root: Some("wineries#831fb4fffffffff"),
///     leaf: Some("8f1fb46625550c3#w-1"),
///     categories: [Some("wineries#811fbffffffffff#wine bar"), None, None, None],
/// };
/// let Meaning::Place(change) = meaning(Texts { key: Some("wineries#w-1"), old: None, new: Some(image) }) else {
///     panic!("a place");
/// };
/// assert_eq!((change.collection.as_str(), change.old), ("wineries", None));
/// let placement = change.new.unwrap();
/// assert_eq!(placement.leaf.to_string(), "8f1fb46625550c3");
/// assert_eq!(placement.categories[0].as_str(), "wine bar");
/// ```
pub fn meaning(texts: Texts<'_>) -> Meaning {
    if let Some(key) = texts.key.filter(|key| key.starts_with('#')) {
        let listings = if texts.old.is_some() && texts.new.is_some() { Vec::new() } else { listings(key) };
        return if listings.is_empty() { Meaning::Other } else { Meaning::Roots(listings) };
    }
    let base = texts.key.and_then(|key| key.parse::<BaseKey>().ok());
    let (old, new) = (
        texts.old.map(|image| read(image, base.as_ref())),
        texts.new.map(|image| read(image, base.as_ref())),
    );
    let found = [&old, &new].into_iter().flatten().filter_map(|read| read.found.clone());
    let found: Vec<(Collection, Placement)> = found.collect();
    let what = texts.key.unwrap_or("without a key");
    let Some((collection, _)) = found.first().cloned() else {
        return Meaning::Unknown(format!("item `{what}` has no position that can be read"));
    };
    if found.iter().any(|(other, _)| *other != collection) {
        return Meaning::Unknown(format!("item `{what}` names two collections"));
    }
    let both = || [&old, &new].into_iter().flatten();
    if both().any(|read| read.unknown_category) {
        return Meaning::Unknown(format!("item `{what}` has a category that cannot be read"));
    }
    let sound = both().all(|read| read.sound);
    let placement = |read: Option<Read>| read.and_then(|read| Some(read.found?.1));
    let change = Change { collection, old: placement(old), new: placement(new) };
    if sound {
        Meaning::Place(change)
    } else {
        Meaning::Damaged(change, format!("the keys of item `{what}` are damaged"))
    }
}

/// The pages that a change of the registry of roots makes out of date.
fn listings(key: &str) -> Vec<PageKey> {
    if let Ok((collection, root)) = roots::parse_base_key(key) {
        return PageKey::listing(&collection, root).into_iter().collect();
    }
    let Some(collection) = roots::parse_complete_key(key) else { return Vec::new() };
    H3Cell::coarsest().into_iter().filter_map(|base| PageKey::new(&collection, base)).collect()
}

struct Read {
    found: Option<(Collection, Placement)>,
    /// Whether the keys are as this program writes them.
    sound: bool,
    /// Whether it may be in pages of a category that nobody can tell.
    unknown_category: bool,
}

/// The index finds an item by its own two attributes, so these count before the base key.
fn read(image: Image<'_>, base: Option<&BaseKey>) -> Read {
    let (root, leaf) = (image.root.unwrap_or_default(), image.leaf.unwrap_or_default());
    let keys = image.categories.iter().flatten().map(|key| key.parse::<CategoryKey>());
    let keys: Vec<_> = keys.collect();
    let unknown_category = keys.iter().any(Result::is_err);
    let keys: Vec<CategoryKey> = keys.into_iter().flatten().collect();
    let categories: Vec<Category> = keys.iter().map(|key| key.category.clone()).collect();
    if let Ok(index) = IndexKey::parse(root, leaf) {
        let shard = CategoryKey::shard_of(index.leaf);
        let sound = base.is_some_and(|base| base.collection == index.collection && base.id == index.id)
            && keys.iter().all(|key| key.collection == index.collection && key.shard == shard);
        let placement = Placement { leaf: index.leaf, categories };
        return Read { found: Some((index.collection, placement)), sound, unknown_category };
    }
    let collection = root.split_once('#').and_then(|(name, _)| name.parse().ok());
    let collection = collection.or_else(|| base.map(|base| base.collection.clone()));
    let text = leaf.split('#').next().unwrap_or_default();
    let leaf = parse_sort(leaf).map(|(leaf, _)| leaf).ok().or_else(|| leaf_of(text));
    let placement = leaf.map(|leaf| Placement { leaf, categories });
    Read { found: collection.zip(placement), sound: false, unknown_category }
}

fn leaf_of(text: &str) -> Option<Leaf> {
    parse_sort(&format!("{text}#x")).ok().map(|(leaf, _)| leaf)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARIS: Image<'_> = Image {
        root: Some("wineries#831fb4fffffffff"),
        leaf: Some("8f1fb46625550c3#w-1"),
        categories: [None; 4],
    };

    fn texts<'a>(old: Option<Image<'a>>, new: Option<Image<'a>>) -> Texts<'a> {
        Texts { key: Some("wineries#w-1"), old, new }
    }

    fn leaf() -> Leaf {
        "8f1fb46625550c3".parse().unwrap()
    }

    fn at_leaf() -> Placement {
        leaf().into()
    }

    #[test]
    fn categories_are_read_from_both_images() {
        let of = |key| Some(Image { categories: [Some(key), None, None, None], ..PARIS });
        let (bar, cafe) = (of("wineries#811fbffffffffff#bar"), of("wineries#811fbffffffffff#cafe"));
        let Meaning::Place(change) = meaning(texts(bar, cafe)) else { panic!("sound") };
        let names = |placement: Option<Placement>| placement.unwrap().categories[0].to_string();
        assert_eq!((names(change.old), names(change.new)), ("bar".to_owned(), "cafe".to_owned()));
        for damaged in ["wineries", "wineries#811fbffffffffff#", "wineries#831fb4fffffffff#bar"] {
            assert!(matches!(meaning(texts(bar, of(damaged))), Meaning::Unknown(_)), "{damaged}");
        }
        for foreign in ["cities#811fbffffffffff#bar", "wineries#81283ffffffffff#bar"] {
            assert!(matches!(meaning(texts(bar, of(foreign))), Meaning::Damaged(..)), "{foreign}");
        }
    }

    #[test]
    fn places_come_move_and_go() {
        let change = |old: bool, new: bool| {
            Meaning::Place(Change {
                collection: "wineries".parse().unwrap(),
                old: old.then(at_leaf),
                new: new.then(at_leaf),
            })
        };
        assert_eq!(meaning(texts(None, Some(PARIS))), change(false, true));
        assert_eq!(meaning(texts(Some(PARIS), Some(PARIS))), change(true, true));
        assert_eq!(meaning(texts(Some(PARIS), None)), change(true, false));
    }

    #[test]
    fn other_items_are_no_changes() {
        let image = Image { root: Some("#collections"), leaf: Some("wineries"), ..Image::default() };
        for key in ["#collection#wineries", "#import#wineries#a.csv:1"] {
            let texts = Texts { key: Some(key), old: None, new: Some(image) };
            assert_eq!(meaning(texts), Meaning::Other);
        }
    }

    #[test]
    fn a_new_root_changes_the_page_that_lists_it() {
        let image =
            Some(Image { root: Some("#roots#wineries"), leaf: Some("831fb4fffffffff"), ..Image::default() });
        let key = Some("#root#wineries#831fb4fffffffff");
        let page: PageKey = "wineries/801ffffffffffff".parse().unwrap();
        assert_eq!(meaning(Texts { key, old: None, new: image }), Meaning::Roots(vec![page]));
        assert_eq!(meaning(Texts { key, old: image, new: image }), Meaning::Other, "written again");
        let Meaning::Roots(pages) = meaning(Texts { key: Some("#roots#wineries"), old: None, new: image })
        else {
            panic!("the list is complete");
        };
        assert_eq!(pages.len(), 122);
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
            assert_eq!((change.collection.as_str(), change.new), ("wineries", Some(at_leaf())), "{image:?}");
        }
        for image in [Image { leaf: None, ..PARIS }, Image { leaf: Some("x#w-1"), ..PARIS }] {
            assert!(matches!(meaning(texts(None, Some(image))), Meaning::Unknown(_)), "{image:?}");
            let Meaning::Damaged(change, _) = meaning(texts(Some(PARIS), Some(image))) else {
                panic!("the old image can be read");
            };
            assert_eq!((change.old, change.new), (Some(at_leaf()), None));
        }
        let keyless = Texts { key: None, ..texts(None, Some(PARIS)) };
        assert!(matches!(meaning(keyless), Meaning::Damaged(..)));
        assert!(matches!(meaning(texts(None, None)), Meaning::Unknown(_)), "without images");
        let other = Image { root: Some("cities#831fb4fffffffff"), ..PARIS };
        assert!(matches!(meaning(texts(Some(PARIS), Some(other))), Meaning::Unknown(_)));
    }

    proptest! {
        /// A place that has moved is never taken for nothing: whatever the images hold, the record means something that
        /// makes the pages of the readable ones outdated, or all of them.
        #[test]
        fn any_texts_mean_something(
            key in text(), root in text(), leaf in text(), category in text(), has_old: bool,
        ) {
            let image = Image {
                root: root.as_deref(),
                leaf: leaf.as_deref(),
                categories: [category.as_deref(), None, None, None],
            };
            let old = has_old.then_some(PARIS);
            let found = meaning(Texts { key: key.as_deref(), old, new: Some(image) });
            if has_old {
                let forgets = match &found {
                    Meaning::Place(change) | Meaning::Damaged(change, _) => change.old == Some(at_leaf()),
                    Meaning::Unknown(_) => true,
                    Meaning::Roots(_) | Meaning::Other => key.as_deref().is_some_and(|key| key.starts_with('#')),
                };
                prop_assert!(forgets, "{:?}", found);
            }
        }
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        let known = proptest::sample::select(vec![
            "wineries#w-1",
            "wineries#831fb4fffffffff",
            "8f1fb46625550c3#w-1",
            "wineries#811fbffffffffff#bar",
            "#root#wineries#831fb4fffffffff",
            "#roots#wineries",
            "#",
            "wineries",
            "8f1fb46625550c3#",
        ]);
        proptest::option::of(prop_oneof![known.prop_map(str::to_owned), "[#a-z0-9]{0,20}", any::<String>()])
    }
}
