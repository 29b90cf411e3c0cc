//! The grammar, by recursive descent.

use super::error::{FilterError, FilterFault};
use super::expression::{Expression, Literal, Property, Source};
use super::lexer::{Comparison, Token, TokenKind, tokens};
use super::like::Pattern;
use super::{MAX_DEPTH, MAX_FILTER_BYTES, MAX_PATTERN_CHARS, MAX_PATTERNS, MAX_PROPERTIES, MAX_TERMS};

/// Names that are not of properties.
const ID: &str = "id";
const DISTANCE: &str = "distance_m";

/// Words of the language: as names of properties they stand in double quotes.
const WORDS: [&str; 14] = [
    "and",
    "or",
    "not",
    "in",
    "like",
    "between",
    "is",
    "null",
    "true",
    "false",
    "casei",
    "date",
    "timestamp",
    "interval",
];

const A_COMPARISON: &str = "a comparison: =, <>, <, <=, >, >=, LIKE, BETWEEN, IN, IS NULL";
const A_VALUE: &str = "a value: a text in single quotes, a number, TRUE or FALSE";

/// Reads a filter; the names of the properties that it looks at come with it.
pub(super) fn parse(text: &str) -> Result<(Expression, Vec<String>), FilterError> {
    if text.len() > MAX_FILTER_BYTES {
        let fault = FilterFault::TooLarge { what: "bytes", most: MAX_FILTER_BYTES };
        return Err(fault.at(text.char_indices().take_while(|(at, _)| *at < MAX_FILTER_BYTES).count() + 1));
    }
    let mut parser = Parser { tokens: tokens(text)?, ..Parser::default() };
    let expression = parser.any_of(0)?;
    match parser.peek() {
        TokenKind::End => Ok((expression, parser.names)),
        _ => Err(parser.unexpected("AND, OR or the end")),
    }
}

#[derive(Default)]
struct Parser {
    tokens: Vec<Token>,
    at: usize,
    names: Vec<String>,
    terms: usize,
    patterns: usize,
}

impl Parser {
    fn peek(&self) -> &TokenKind {
        self.tokens.get(self.at).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn position(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |token| token.position)
    }

    fn fault<T>(&self, fault: FilterFault) -> Result<T, FilterError> {
        Err(fault.at(self.position()))
    }

    fn unexpected(&self, expected: &'static str) -> FilterError {
        let found = match self.peek() {
            TokenKind::End => "the end".to_owned(),
            TokenKind::Word(word) => format!("`{}`", cut(word)),
            TokenKind::Name(name) => format!("the property \"{}\"", cut(name)),
            TokenKind::Text(_) => "a text".to_owned(),
            TokenKind::Number(number) => format!("the number {number}"),
            TokenKind::Compare(comparison) => format!("`{}`", comparison.symbol()),
            TokenKind::Open => "`(`".to_owned(),
            TokenKind::Close => "`)`".to_owned(),
            TokenKind::Comma => "`,`".to_owned(),
        };
        FilterFault::Unexpected { found, expected }.at(self.position())
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.at += usize::from(is);
        is
    }

    fn take(&mut self, kind: &TokenKind) -> bool {
        let is = self.peek() == kind;
        self.at += usize::from(is);
        is
    }

    fn require(&mut self, kind: &TokenKind, expected: &'static str) -> Result<(), FilterError> {
        if self.take(kind) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn any_of(&mut self, depth: usize) -> Result<Expression, FilterError> {
        self.joined(depth, "or", Self::all_of, Expression::Any)
    }

    fn all_of(&mut self, depth: usize) -> Result<Expression, FilterError> {
        self.joined(depth, "and", Self::factor, Expression::All)
    }

    fn joined(
        &mut self,
        depth: usize,
        word: &str,
        part: fn(&mut Self, usize) -> Result<Expression, FilterError>,
        join: fn(Vec<Expression>) -> Expression,
    ) -> Result<Expression, FilterError> {
        let first = part(self, depth)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.take_word(word) {
            parts.push(part(self, depth)?);
        }
        Ok(join(parts))
    }

    fn factor(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let nests = self.is_word("not") || *self.peek() == TokenKind::Open;
        if nests && depth == MAX_DEPTH {
            return self
                .fault(FilterFault::TooLarge { what: "levels of parentheses and NOT", most: MAX_DEPTH });
        }
        if self.take_word("not") {
            return Ok(Expression::Not(Box::new(self.factor(depth + 1)?)));
        }
        if self.take(&TokenKind::Open) {
            let inner = self.any_of(depth + 1)?;
            self.require(&TokenKind::Close, "`)`, AND or OR")?;
            return Ok(inner);
        }
        for (word, holds) in [("true", true), ("false", false)] {
            if self.take_word(word) {
                self.count_term()?;
                return Ok(Expression::Always(holds));
            }
        }
        self.predicate()
    }

    fn count_term(&mut self) -> Result<(), FilterError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return self
                .fault(FilterFault::TooLarge { what: "comparisons and values of lists", most: MAX_TERMS });
        }
        Ok(())
    }

    fn predicate(&mut self) -> Result<Expression, FilterError> {
        self.count_term()?;
        let property = self.property()?;
        if self.take_word("is") {
            let negated = self.take_word("not");
            if !self.take_word("null") {
                return Err(self.unexpected(if negated { "NULL" } else { "NULL or NOT NULL" }));
            }
            return Ok(not_if(negated, Expression::IsNull(property)));
        }
        if let TokenKind::Compare(comparison) = *self.peek() {
            self.at += 1;
            let position = self.position();
            let literal = self.literal(&property)?;
            let has_order = !matches!(literal, Literal::Boolean(_));
            if !has_order && !matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
                return Err(FilterFault::Unsupported("TRUE and FALSE are compared by = and <>").at(position));
            }
            return Ok(Expression::Compare(property, comparison, literal));
        }
        let negated = self.take_word("not");
        let test = if self.take_word("like") {
            self.like(property)?
        } else if self.take_word("between") {
            self.between(property)?
        } else if self.take_word("in") {
            self.list(property)?
        } else {
            return Err(self.unexpected(if negated { "LIKE, BETWEEN or IN" } else { A_COMPARISON }));
        };
        Ok(not_if(negated, test))
    }

    fn like(&mut self, property: Property) -> Result<Expression, FilterError> {
        let position = self.position();
        let Literal::Text(text) = self.literal(&property)? else {
            return Err(FilterFault::Unsupported("LIKE takes a text in single quotes").at(position));
        };
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            return Err(FilterFault::TooLarge { what: "LIKE", most: MAX_PATTERNS }.at(position));
        }
        if text.chars().count() > MAX_PATTERN_CHARS {
            let fault = FilterFault::TooLarge { what: "characters in a pattern", most: MAX_PATTERN_CHARS };
            return Err(fault.at(position));
        }
        Ok(Expression::Like(property, Pattern::new(&text), text))
    }

    fn between(&mut self, property: Property) -> Result<Expression, FilterError> {
        let low = self.literal(&property)?;
        if !self.take_word("and") {
            return Err(self.unexpected("the AND of BETWEEN"));
        }
        let position = self.position();
        let high = self.literal(&property)?;
        match (&low, &high) {
            (Literal::Number(_), Literal::Number(_)) | (Literal::Text(_), Literal::Text(_)) => {
                Ok(Expression::Between(property, low, high))
            }
            _ => Err(FilterFault::Unsupported("BETWEEN takes two numbers or two texts").at(position)),
        }
    }

    fn list(&mut self, property: Property) -> Result<Expression, FilterError> {
        self.require(&TokenKind::Open, "`(` and a list of values")?;
        let mut list = vec![self.literal(&property)?];
        while self.take(&TokenKind::Comma) {
            self.count_term()?;
            list.push(self.literal(&property)?);
        }
        self.require(&TokenKind::Close, "`,` or `)`")?;
        Ok(Expression::In(property, list))
    }

    fn property(&mut self) -> Result<Property, FilterError> {
        let folds = self.take_word("casei");
        if folds {
            self.require(&TokenKind::Open, "`(`")?;
        }
        let name = match self.peek() {
            TokenKind::Name(name) => name.clone(),
            TokenKind::Word(word) if !is_reserved(word) => word.clone(),
            TokenKind::Text(_) | TokenKind::Number(_) => {
                return self.fault(FilterFault::Unsupported(
                    "a property stands before a comparison, and a value after it",
                ));
            }
            _ => return Err(self.unexpected("a property, NOT or `(`")),
        };
        let is_word = matches!(self.peek(), TokenKind::Word(_));
        let next = self.tokens.get(self.at + 1).map(|token| &token.kind);
        if is_word && next == Some(&TokenKind::Open) {
            return self.fault(FilterFault::Function(cut(&name)));
        }
        let source = self.source(&name)?;
        self.at += 1;
        if folds {
            self.require(&TokenKind::Close, "`)`")?;
        }
        Ok(Property { name, source, folds })
    }

    fn source(&mut self, name: &str) -> Result<Source, FilterError> {
        match name {
            ID => return Ok(Source::Id),
            DISTANCE => return Ok(Source::Distance),
            _ => {}
        }
        if let Some(at) = self.names.iter().position(|known| known == name) {
            return Ok(Source::Property(at));
        }
        if self.names.len() == MAX_PROPERTIES {
            return self.fault(FilterFault::TooLarge { what: "different properties", most: MAX_PROPERTIES });
        }
        self.names.push(name.to_owned());
        Ok(Source::Property(self.names.len() - 1))
    }

    /// A value to compare a property with; without regard to case if the property is.
    fn literal(&mut self, property: &Property) -> Result<Literal, FilterError> {
        let folds = self.is_word("casei");
        if folds {
            if !property.folds {
                return self
                    .fault(FilterFault::Unsupported("with CASEI on a value, the property takes it as well"));
            }
            self.at += 1;
            self.require(&TokenKind::Open, "`(`")?;
        }
        let literal = match self.peek() {
            TokenKind::Text(text) if property.folds => Literal::Text(text.to_lowercase()),
            TokenKind::Text(text) => Literal::Text(text.clone()),
            TokenKind::Number(number) => Literal::Number(*number),
            TokenKind::Name(_) => {
                return self.fault(FilterFault::Unsupported(
                    "a text stands in single quotes; in double quotes it is the name of a property",
                ));
            }
            TokenKind::Word(word) => match word.to_ascii_lowercase().as_str() {
                "true" => Literal::Boolean(true),
                "false" => Literal::Boolean(false),
                "null" => {
                    return self.fault(FilterFault::Unsupported(
                        "nothing equals NULL; write IS NULL or IS NOT NULL",
                    ));
                }
                "date" | "timestamp" | "interval" => {
                    return self.fault(FilterFault::Unsupported(
                        "times are compared as texts, such as '2026-01-31T12:00:00Z'",
                    ));
                }
                _ => return Err(self.unexpected(A_VALUE)),
            },
            _ => return Err(self.unexpected(A_VALUE)),
        };
        self.at += 1;
        if folds {
            self.require(&TokenKind::Close, "`)`")?;
        }
        Ok(literal)
    }
}

fn not_if(negated: bool, expression: Expression) -> Expression {
    if negated { Expression::Not(Box::new(expression)) } else { expression }
}

fn is_reserved(word: &str) -> bool {
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// As much of a name as an error repeats.
fn cut(name: &str) -> String {
    const MOST: usize = 40;
    let mut cut: String = name.chars().take(MOST).collect();
    if cut.len() < name.len() {
        cut.push('…');
    }
    cut
}
