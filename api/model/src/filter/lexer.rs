//! The text of a filter as tokens.

use super::error::{FilterError, FilterFault};

/// Longest name of a property, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 200;

/// A token, and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    /// Counted in characters from 1.
    pub(super) position: usize,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A name without quotes, or a word of the language.
    Word(String),
    /// A name in double quotes.
    Name(String),
    /// A text in single quotes.
    Text(String),
    Number(f64),
    Compare(Comparison),
    Open,
    Close,
    Comma,
    End,
}

/// How a property is compared with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// Whether a name may begin with a character (`identifierStart` of CQL2).
pub(super) fn begins_name(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | ':')
}

/// Whether a name may go on with a character (`identifierPart` of CQL2).
pub(super) fn continues_name(c: char) -> bool {
    begins_name(c) || c.is_numeric() || c == '.'
}

/// All tokens, and [`TokenKind::End`] after them.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.take_while(char::is_whitespace);
        let position = lexer.at + 1;
        let kind = lexer.token().map_err(|fault| fault.at(position))?;
        let is_end = kind == TokenKind::End;
        tokens.push(Token { position, kind });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
}

impl Lexer {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next_is(&mut self, wanted: char) -> bool {
        let is = self.peek() == Some(wanted);
        self.at += usize::from(is);
        is
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    fn token(&mut self) -> Result<TokenKind, FilterFault> {
        let Some(c) = self.peek() else { return Ok(TokenKind::End) };
        if begins_name(c) {
            let word = self.take_while(continues_name);
            return named(word).map(TokenKind::Word);
        }
        if c.is_ascii_digit() || matches!(c, '+' | '-' | '.') {
            return self.number();
        }
        self.at += 1;
        match c {
            '\'' => self.quoted('\'', "text").map(TokenKind::Text),
            '"' => self.quoted('"', "name").and_then(named).map(TokenKind::Name),
            '(' => Ok(TokenKind::Open),
            ')' => Ok(TokenKind::Close),
            ',' => Ok(TokenKind::Comma),
            '=' if self.peek() == Some('=') => Err(FilterFault::Unsupported("write `=` for equal")),
            '=' => Ok(TokenKind::Compare(Comparison::Equal)),
            '<' if self.next_is('>') => Ok(TokenKind::Compare(Comparison::NotEqual)),
            '<' if self.next_is('=') => Ok(TokenKind::Compare(Comparison::LessOrEqual)),
            '<' => Ok(TokenKind::Compare(Comparison::Less)),
            '>' if self.next_is('=') => Ok(TokenKind::Compare(Comparison::GreaterOrEqual)),
            '>' => Ok(TokenKind::Compare(Comparison::Greater)),
            '!' => Err(FilterFault::Unsupported("write `<>` for not equal, and `NOT` for not")),
            '*' | '/' | '%' | '^' => {
                Err(FilterFault::Unsupported("a filter compares and does not calculate"))
            }
            c => Err(FilterFault::Unexpected { found: format!("`{c}`"), expected: "a part of a filter" }),
        }
    }

    /// What follows an opening quote. A quote is doubled to be part of it. (CQL2 takes a backslash before it as well: then no
    /// text could end in a backslash, which patterns may.)
    fn quoted(&mut self, quote: char, what: &'static str) -> Result<String, FilterFault> {
        let mut text = String::new();
        loop {
            let c = self.peek().ok_or(FilterFault::Unclosed(what))?;
            self.at += 1;
            if c == quote && !self.next_is(quote) {
                return Ok(text);
            }
            text.push(c);
        }
    }

    fn number(&mut self) -> Result<TokenKind, FilterFault> {
        let start = self.at;
        if matches!(self.peek(), Some('+' | '-')) {
            self.at += 1;
        }
        self.take_while(|c| c.is_ascii_digit() || c == '.');
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            if matches!(self.peek(), Some('+' | '-')) {
                self.at += 1;
            }
        }
        // What follows without a space is part of it, so that `5m` is no number rather than a number and a name.
        self.take_while(continues_name);
        let text: String = self.chars[start..self.at].iter().collect();
        let number: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite());
        // Adding zero turns -0 into 0: both are equal, and only one is written.
        number.map(|number| TokenKind::Number(number + 0.0)).ok_or(FilterFault::Number(text))
    }
}

fn named(name: String) -> Result<String, FilterFault> {
    match name.len() {
        0 => Err(FilterFault::Unsupported("a property without a name stands there")),
        bytes if bytes > MAX_NAME_BYTES => {
            Err(FilterFault::TooLarge { what: "bytes in a name", most: MAX_NAME_BYTES })
        }
        _ => Ok(name),
    }
}
