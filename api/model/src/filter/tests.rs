use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn payload(properties: &Value) -> Vec<u8> {
    format!(r#""id":"p-1","geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{properties}}}"#)
        .into_bytes()
}

fn holds(filter: &str, properties: &Value) -> bool {
    let filter: Filter = filter.parse().unwrap_or_else(|error| panic!("{filter}: {error}"));
    filter.holds("p-1", &|| Some(250.0), &payload(properties))
}

fn place() -> Value {
    json!({ "name": "Café Zoë's", "rating": 4.5, "open": true, "tags": ["wifi", "terrace", 7], "none": null,
            "empty": [], "address": { "city": "Paris" }, "two words": "x", "category": "cafe", "n": 3 })
}

#[test]
fn comparisons_hold_of_values_of_their_type() {
    for filter in [
        "rating = 4.5",
        "rating <> 4",
        "rating > 4 AND rating < 5",
        "rating >= 45e-1 and rating<=+4.5",
        "name = 'Café Zoë''s'",
        "name > 'Ca' and name < 'D'",
        "open = TRUE",
        "open <> false",
        "rating between 4 and 5",
        "rating not between 5 and 6",
        "name between 'C' and 'D'",
        "category in ('bar', 'cafe')",
        "category not in ('bar', 5)",
        "n in (1, 2, 3)",
        "name like 'Caf_%'",
        "name not like '%bar%'",
        "casei(name) like casei('CAFÉ%')",
        "CASEI(category) = 'CAFE'",
        "casei(category) in ('BAR', 'CaFe')",
        "none is null",
        "missing is null",
        "address is not null",
        "\"two words\" = 'x'",
        "not rating = 4",
        "not (rating = 4 or open = false)",
        "rating = 1 or rating = 2 and open = false or open = true",
        "true",
        "not false and open = true",
        // Of a list: one of its members.
        "tags = 'wifi'",
        "tags = 7",
        "tags <> 'parking'",
        "tags like 'ter%'",
        "tags in ('x', 'terrace')",
        "tags > 6",
        // What is no property.
        "id = 'p-1'",
        "distance_m < 300",
        "distance_m between 0 and 250",
    ] {
        assert!(holds(filter, &place()), "{filter}");
    }
}

#[test]
fn what_is_not_there_or_of_another_type_is_neither_true_nor_false() {
    for comparison in [
        "rating = '4.5'",
        "name = 4",
        "none = 1",
        "missing <> 1",
        "missing like '%'",
        "missing in (1)",
        "missing between 1 and 2",
        "open = 1",
        "address = 'Paris'",
        "empty = 1",
        "empty <> 1",
        "id = 1",
        "rating like '4%'",
        "name in (1, 2)",
    ] {
        assert!(!holds(comparison, &place()), "{comparison}");
        assert!(!holds(&format!("not ({comparison})"), &place()), "not {comparison}");
        assert!(holds(&format!("{comparison} or open = true"), &place()), "{comparison} or …");
        assert!(!holds(&format!("{comparison} and open = true"), &place()), "{comparison} and …");
        assert!(holds(&format!("not ({comparison} and open = false)"), &place()), "not {comparison} and …");
    }
    for wrong in [
        "tags <> 'wifi'",
        "not tags = 'wifi'",
        "name = 'café zoë''s'",
        "rating = 4",
        "false",
        "none is not null",
    ] {
        assert!(!holds(wrong, &place()), "{wrong}");
    }
}

#[test]
fn numbers_of_any_length_are_there() {
    let properties = r#"{"a":1e400,"b":12345678901234567890123,"a\u0062":2,"c":1}"#;
    let payload = format!(r#""id":"\"properties\":{{","geometry":{{}},"properties":{properties}}}"#);
    let holds = |filter: &str| filter.parse::<Filter>().unwrap().holds("", &|| None, payload.as_bytes());
    assert!(holds("a is not null and b > 12345678901230000000000 and ab = 2 and c = 1"));
    assert!(!holds("a > 1") && !holds("not a > 1") && holds("distance_m is null"));
}

#[test]
fn a_fault_says_where_it_is() {
    for (filter, position, says) in [
        ("", 1, "the end stands where a property"),
        ("rating", 7, "the end stands where a comparison"),
        ("rating >", 9, "the end stands where a value"),
        ("é >= é", 6, "`é` stands where a value"),
        ("rating = 4 5", 12, "the number 5 stands where AND, OR or the end"),
        ("(rating = 4", 12, "`)`"),
        ("rating = 4)", 11, "`)` stands"),
        ("name = \"Bar\"", 8, "single quotes"),
        ("name = 'Bar", 8, "closing quote"),
        ("\"name = 1", 1, "closing quote"),
        ("name == 'Bar'", 6, "write `=`"),
        ("name != 'Bar'", 6, "write `<>`"),
        ("name = null", 8, "IS NULL"),
        ("5 < rating", 1, "a property stands before"),
        ("rating + 1 = 2", 8, "`+` is not a number"),
        ("rating * 2 = 2", 8, "does not calculate"),
        ("rating = 5m", 10, "`5m` is not a number"),
        ("rating = 1e999", 10, "not a number"),
        ("open < true", 8, "by = and <>"),
        ("a between 1 and 'x'", 17, "two numbers or two texts"),
        ("a between 1, 2", 12, "the AND of BETWEEN"),
        ("a like 5", 8, "LIKE takes a text"),
        ("a not = 5", 7, "LIKE, BETWEEN or IN"),
        ("a in 5", 6, "`(` and a list"),
        ("a in ()", 7, "a value"),
        ("a is 5", 6, "NULL or NOT NULL"),
        ("S_INTERSECTS(geom, x) = 1", 1, "no function `S_INTERSECTS`"),
        ("a = date('2026-01-31')", 5, "compared as texts"),
        ("a = casei('x')", 5, "the property takes it"),
        ("casei(a = 'x'", 9, "`)`"),
        ("and = 1", 1, "a property"),
        ("\"\" = 1", 1, "without a name"),
        ("a = 1 & b = 2", 7, "`&` stands"),
    ] {
        let error = filter.parse::<Filter>().unwrap_err();
        assert_eq!(error.position, position, "{filter}: {error}");
        assert!(error.to_string().contains(says), "{filter}: {error}");
        assert!(!error.fault.is_bound());
    }
}

#[test]
fn a_filter_is_bounded() {
    let of = |text: String| text.parse::<Filter>();
    let joined = |count: usize, term: &dyn Fn(usize) -> String, by: &str| {
        of((0..count).map(term).collect::<Vec<_>>().join(by))
    };
    let nested = |depth: usize| of(format!("{}a=1{}", "(".repeat(depth), ")".repeat(depth)));
    let name = |length: usize| of(format!("{} = 1", "n".repeat(length)));
    let pattern = |length: usize| of(format!("a like '{}'", "é".repeat(length)));
    let list = |count: usize| of(format!("a in ({}1)", "1,".repeat(count - 1)));
    for good in [
        joined(MAX_TERMS, &|_| "a=1".into(), " or "),
        list(MAX_TERMS),
        nested(MAX_DEPTH),
        name(200),
        pattern(MAX_PATTERN_CHARS),
        joined(MAX_PROPERTIES, &|i| format!("p{i}=1"), " and "),
        joined(MAX_PATTERNS, &|_| "a like 'x%'".into(), " and "),
        of(format!("a = '{}'", "x".repeat(2_042))),
        of(format!("{} a = 1", "not ".repeat(MAX_DEPTH))),
    ] {
        assert!(good.is_ok(), "{good:?}");
    }
    // It is the parenthesis, or the word, that is one too many.
    assert_eq!(nested(MAX_DEPTH + 1).unwrap_err().position, MAX_DEPTH + 1);
    assert_eq!(
        of(format!("{} a = 1", "not ".repeat(MAX_DEPTH + 1))).unwrap_err().position,
        4 * MAX_DEPTH + 1
    );
    for bad in [
        joined(MAX_TERMS + 1, &|_| "a=1".into(), " or "),
        list(MAX_TERMS + 1),
        nested(MAX_DEPTH + 1),
        name(201),
        pattern(MAX_PATTERN_CHARS + 1),
        joined(MAX_PROPERTIES + 1, &|i| format!("p{i}=1"), " and "),
        joined(MAX_PATTERNS + 1, &|_| "a like 'x%'".into(), " and "),
        of(format!("a = '{}'", "x".repeat(2_043))),
        of(format!("{} a = 1", "not ".repeat(MAX_DEPTH + 1))),
        nested(1_000),
        of("é".repeat(2_000)),
    ] {
        assert!(bad.as_ref().is_err_and(|error| error.fault.is_bound()), "{bad:?}");
    }
}

/// The same by its definition, over the values that `serde_json` reads.
fn defined(expression: &Expression, properties: &Map<String, Value>) -> Option<bool> {
    use super::expression::Literal;
    use super::lexer::Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let value = |name: &str| properties.get(name).cloned().unwrap_or(Value::Null);
    let literal = |literal: &Literal| match literal {
        Literal::Boolean(value) => json!(value),
        Literal::Number(value) => json!(value),
        Literal::Text(value) => json!(value),
    };
    let order = |value: &Value, other: &Value| match (value, other) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    };
    match expression {
        Expression::Always(holds) => Some(*holds),
        Expression::Not(inner) => defined(inner, properties).map(|holds| !holds),
        Expression::All(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| defined(part, properties)).collect();
            if parts.contains(&Some(false)) { Some(false) } else { (!parts.contains(&None)).then_some(true) }
        }
        Expression::Any(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| defined(part, properties)).collect();
            if parts.contains(&Some(true)) { Some(true) } else { (!parts.contains(&None)).then_some(false) }
        }
        Expression::IsNull(property) => Some(value(&property.name).is_null()),
        Expression::Compare(property, comparison, other) => {
            let order = order(&value(&property.name), &literal(other))?;
            Some(match comparison {
                Equal => order.is_eq(),
                NotEqual => order.is_ne(),
                Less => order.is_lt(),
                LessOrEqual => order.is_le(),
                Greater => order.is_gt(),
                GreaterOrEqual => order.is_ge(),
            })
        }
        Expression::Between(property, low, high) => {
            let value = value(&property.name);
            Some(order(&value, &literal(low))?.is_ge() && order(&value, &literal(high))?.is_le())
        }
        Expression::In(property, list) => {
            let value = value(&property.name);
            let all: Vec<_> = list.iter().filter_map(|one| order(&value, &literal(one))).collect();
            (!all.is_empty()).then(|| all.iter().any(|order| order.is_eq()))
        }
        Expression::Like(property, pattern, _) => match value(&property.name) {
            Value::String(text) => Some(pattern.matches(&text)),
            _ => None,
        },
    }
}

fn a_value() -> impl Strategy<Value = String> {
    prop_oneof![
        (-2..3_i8).prop_map(|n| n.to_string()),
        (-2..3_i8).prop_map(|n| format!("{n}.5")),
        "[ab'%_\\\\]{0,3}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
    ]
}

fn a_predicate() -> impl Strategy<Value = String> {
    let property = prop_oneof![Just("a"), Just("b"), Just("\"c d\""), Just("\"in\"")];
    let compare = prop_oneof![Just("="), Just("<>"), Just("<"), Just("<="), Just(">"), Just(">=")];
    let not = prop_oneof![Just(""), Just("NOT "), Just("not ")];
    (property, compare, not, a_value(), a_value(), 0..6_u8).prop_map(
        |(property, compare, not, one, other, form)| {
            let same = one.starts_with('\'') == other.starts_with('\'');
            match form {
                0 => format!("{property} IS {not}NULL"),
                1 if one.starts_with('\'') => format!("{property} {not}LIKE {one}"),
                2 if same => format!("{property} {not}BETWEEN {one} AND {other}"),
                3 => format!("{property} {not}IN ({one}, {other})"),
                4 => format!("{property}={not}true")
                    .replace("=NOT true", "<>false")
                    .replace("=not true", "<>TRUE"),
                _ => format!("{property} {compare} {one}"),
            }
        },
    )
}

fn a_filter() -> impl Strategy<Value = String> {
    a_predicate().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("NOT ({one})")),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(|all| format!("({})", all.join(" and "))),
            proptest::collection::vec(inner, 1..4).prop_map(|all| format!("({})", all.join(" OR "))),
        ]
    })
}

fn some_properties() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..3_i8).prop_map(Value::from),
        (-4..5_i8).prop_map(|n| json!(f64::from(n) / 2.0)),
        "[ab'%_\\\\]{0,3}".prop_map(Value::from),
        Just(json!({ "a": 1 })),
    ];
    let name = prop_oneof![Just("a"), Just("b"), Just("c d"), Just("in"), Just("z")];
    proptest::collection::vec((name, value), 0..5)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

proptest! {
    #[test]
    fn a_filter_holds_as_it_is_defined(text in a_filter(), properties in some_properties()) {
        let filter: Filter = match text.parse() {
            Ok(filter) => filter,
            Err(error) => {
                let FilterError { fault, .. } = &error;
                prop_assert!(fault.is_bound(), "{}: {}", text, error);
                return Ok(());
            }
        };
        let expected = defined(&filter.expression, &properties) == Some(true);
        let payload = payload(&Value::Object(properties));
        prop_assert_eq!(filter.holds("p", &|| None, &payload), expected, "{}", text);
        prop_assert_eq!(filter.to_string().parse::<Filter>(), Ok(filter), "{}", text);
    }

    /// Of any text: it is refused at a character that it has, or one behind, or it is read as the same again.
    #[test]
    fn any_text_is_refused_or_read(text in "([a-c'\"(),=<>! .0-9%é\\\\]|and |or |not |in |like |is |null|casei|between ){0,16}") {
        match text.parse::<Filter>() {
            Ok(filter) => prop_assert_eq!(filter.to_string().parse::<Filter>(), Ok(filter), "{}", text),
            Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.position), "{}: {}", text, error),
        }
    }
}
