//! What a filter says, and whether it holds of a place.
//!
//! As in SQL, a comparison with what is not there is neither true nor false, and a place is found only if the whole is
//! true.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use super::lexer::Comparison;
use super::like::Pattern;
use super::value::Value;

/// What is compared with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Boolean(bool),
    Number(f64),
    Text(String),
}

/// The property that is compared.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) source: Source,
    /// Whether its text is compared without regard to case.
    pub(super) folds: bool,
}

/// Where the value of a property comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The place's id.
    Id,
    /// The distance from the position of the search.
    Distance,
    /// The property of this number.
    Property(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Always(bool),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Compare(Property, Comparison, Literal),
    Between(Property, Literal, Literal),
    In(Property, Vec<Literal>),
    /// With the text of the pattern.
    Like(Property, Pattern, String),
    IsNull(Property),
}

/// What is known of a place.
pub(super) struct Known<'a> {
    pub(super) id: &'a str,
    /// Computed only if it is compared.
    pub(super) distance_m: &'a dyn Fn() -> Option<f64>,
    pub(super) values: Vec<Value<'a>>,
}

impl<'a> Known<'a> {
    fn value(&self, property: &Property) -> Cow<'_, Value<'a>> {
        match property.source {
            Source::Id => Cow::Owned(Value::Text(self.id.into())),
            Source::Distance => Cow::Owned((self.distance_m)().map_or(Value::Null, Value::Number)),
            Source::Property(at) => self.values.get(at).map_or(Cow::Owned(Value::Null), Cow::Borrowed),
        }
    }
}

impl Expression {
    /// Whether it holds; `None` if that cannot be said.
    pub(super) fn holds(&self, place: &Known<'_>) -> Option<bool> {
        match self {
            Self::Always(holds) => Some(*holds),
            Self::Not(inner) => inner.holds(place).map(|holds| !holds),
            Self::All(parts) => all(parts.iter().map(|part| part.holds(place))),
            Self::Any(parts) => any(parts.iter().map(|part| part.holds(place))),
            Self::IsNull(property) => Some(*place.value(property) == Value::Null),
            Self::Compare(property, Comparison::NotEqual, literal) => {
                let equal = of_any(&place.value(property), &|value| {
                    compare(value, literal, property.folds).map(Ordering::is_eq)
                });
                equal.map(|equal| !equal)
            }
            Self::Compare(property, comparison, literal) => of_any(&place.value(property), &|value| {
                compare(value, literal, property.folds).map(|order| is(order, *comparison))
            }),
            Self::Between(property, low, high) => of_any(&place.value(property), &|value| {
                let value = folded(value, property.folds);
                let with = |literal| compare(&value, literal, false);
                Some(with(low)?.is_ge() && with(high)?.is_le())
            }),
            Self::In(property, list) => of_any(&place.value(property), &|value| {
                let value = folded(value, property.folds);
                let equal = |literal| compare(&value, literal, false).map(Ordering::is_eq);
                list.iter().filter_map(equal).reduce(|a, b| a || b)
            }),
            Self::Like(property, pattern, _) => of_any(&place.value(property), &|value| match value {
                Value::Text(text) if property.folds => Some(pattern.matches(&text.to_lowercase())),
                Value::Text(text) => Some(pattern.matches(text)),
                _ => None,
            }),
        }
    }
}

impl Expression {
    /// How many times it goes through a text, about.
    pub(super) fn weight(&self) -> usize {
        let folds = |property: &Property| usize::from(property.folds);
        match self {
            Self::Not(inner) => inner.weight(),
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::weight).sum(),
            Self::Compare(property, ..) | Self::Between(property, ..) | Self::In(property, _) => {
                folds(property)
            }
            Self::Like(property, ..) => 1 + folds(property),
            _ => 0,
        }
    }
}

/// A value without regard to case, if that is wanted.
fn folded<'v>(value: &'v Value<'v>, folds: bool) -> Cow<'v, Value<'v>> {
    match value {
        Value::Text(text) if folds => Cow::Owned(Value::Text(text.to_lowercase().into())),
        _ => Cow::Borrowed(value),
    }
}

/// False if one is, true if all are, else unknown.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    any(parts.map(|part| part.map(|holds| !holds))).map(|fails| !fails)
}

/// True if one is, false if all are, else unknown.
fn any(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(false);
    for part in parts {
        match part {
            Some(true) => return Some(true),
            Some(false) => {}
            None => known = None,
        }
    }
    known
}

/// Whether something holds of a value, or of one of the members of a list: of those that it can be said of.
fn of_any(value: &Value<'_>, holds: &dyn Fn(&Value<'_>) -> Option<bool>) -> Option<bool> {
    let Value::List(members) = value else { return holds(value) };
    members.iter().filter_map(|member| of_any(member, holds)).reduce(|a, b| a || b)
}

/// The order of two values of one type; `None` for others.
fn compare(value: &Value<'_>, literal: &Literal, folds: bool) -> Option<Ordering> {
    match (value, literal) {
        (Value::Boolean(value), Literal::Boolean(literal)) => Some(value.cmp(literal)),
        (Value::Number(value), Literal::Number(literal)) => value.partial_cmp(literal),
        (Value::Text(value), Literal::Text(literal)) if folds => Some((*value.to_lowercase()).cmp(literal)),
        (Value::Text(value), Literal::Text(literal)) => Some((**value).cmp(literal)),
        _ => None,
    }
}

const fn is(order: Ordering, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(true) => f.write_str("TRUE"),
            Self::Boolean(false) => f.write_str("FALSE"),
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
        }
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.replace('"', "\"\"");
        if self.folds { write!(f, "CASEI(\"{name}\")") } else { write!(f, "\"{name}\"") }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always(holds) => Literal::Boolean(*holds).fmt(f),
            Self::Not(inner) => joined(f, std::slice::from_ref(&**inner), "NOT ", true),
            Self::All(parts) => joined(f, parts, " AND ", false),
            Self::Any(parts) => joined(f, parts, " OR ", false),
            Self::Compare(property, comparison, literal) => {
                write!(f, "{property} {} {literal}", comparison.symbol())
            }
            Self::Between(property, low, high) => write!(f, "{property} BETWEEN {low} AND {high}"),
            Self::In(property, list) => {
                let list: Vec<String> = list.iter().map(ToString::to_string).collect();
                write!(f, "{property} IN ({})", list.join(", "))
            }
            Self::Like(property, _, pattern) => {
                write!(f, "{property} LIKE {}", Literal::Text(pattern.clone()))
            }
            Self::IsNull(property) => write!(f, "{property} IS NULL"),
        }
    }
}

/// Parts with a word between them, or before the first; those that are joined themselves in parentheses.
fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expression], word: &str, is_before: bool) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 || is_before {
            f.write_str(word)?;
        }
        match part {
            Expression::All(_) | Expression::Any(_) => write!(f, "({part})")?,
            part => write!(f, "{part}")?,
        }
    }
    Ok(())
}
