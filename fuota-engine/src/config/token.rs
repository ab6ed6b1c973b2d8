//! What grouped configuration files are made of: marks, words and quoted texts, with comments of three kinds between.

use std::format;
use std::string::String;

use super::entry::abridged;
use super::error::ConfigError;

/// A piece of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A brace, bracket, colon, equals sign, comma or semicolon.
    Mark(char),
    /// Something without quotes.
    Word(&'a str),
    /// Something in quotes, without them and with its escapes resolved.
    Text(String),
    /// There is nothing more.
    End,
}

/// A token, with its line from 1.
type Placed<'a> = (usize, Token<'a>);

/// Reads a file token by token.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The next token where a key may stand: a word ends at a colon.
    pub(super) fn key(&mut self) -> Result<Placed<'a>, ConfigError> {
        self.token(&[':', '='])
    }

    /// The next token where a value may stand: colons are part of a word.
    pub(super) fn value(&mut self) -> Result<Placed<'a>, ConfigError> {
        self.token(&[])
    }

    /// Steps over the sign between the key `name` and its value, which may be left out before a brace, and returns where
    /// the value begins.
    pub(super) fn behind_sign(&mut self, name: &str) -> Result<usize, ConfigError> {
        self.skip_blank()?;
        match self.rest().chars().next() {
            Some(sign @ (':' | '=')) => self.step(sign),
            Some('{') => {}
            _ => return Err(self.fault(format!("`:` is expected behind `{}`", abridged(name)))),
        }
        self.skip_blank()?;
        Ok(self.at)
    }

    /// Steps over the rest of a group or list whose brace has been read, whatever is in it.
    pub(super) fn skip_group(&mut self) -> Result<(), ConfigError> {
        let (begun, mut depth) = (self.line, 1_usize);
        while depth > 0 {
            match self.value()?.1 {
                Token::Mark('{' | '[') => depth += 1,
                Token::Mark('}' | ']') => depth -= 1,
                Token::End => {
                    let message = "the group that begins here does not end".into();
                    return Err(ConfigError::Syntax { line: begun, message });
                }
                Token::Mark(_) | Token::Word(_) | Token::Text(_) => {}
            }
        }
        Ok(())
    }

    /// What stands between an earlier place and this one.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn token(&mut self, also_end_words: &[char]) -> Result<Placed<'a>, ConfigError> {
        self.skip_blank()?;
        let line = self.line;
        let Some(first) = self.rest().chars().next() else { return Ok((line, Token::End)) };
        let token = match first {
            '{' | '}' | '[' | ']' | ':' | '=' | ',' | ';' => {
                self.step(first);
                Token::Mark(first)
            }
            '"' | '\'' => Token::Text(self.quoted(first)?),
            _ => Token::Word(self.word(also_end_words)),
        };
        Ok((line, token))
    }

    /// Steps over spaces and comments.
    fn skip_blank(&mut self) -> Result<(), ConfigError> {
        loop {
            let rest = self.rest();
            let blank =
                rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}').len();
            let comment = rest.get(blank..).unwrap_or_default();
            if comment.starts_with('#') || comment.starts_with("//") {
                self.advance(blank + comment.find('\n').unwrap_or(comment.len()));
            } else if comment.starts_with("/*") {
                self.advance(blank);
                let end = comment.find("*/").ok_or_else(|| self.fault("a comment without an end".into()))?;
                self.advance(end + 2);
            } else {
                self.advance(blank);
                return Ok(());
            }
        }
    }

    fn word(&mut self, also_end: &[char]) -> &'a str {
        let (rest, start) = (self.rest(), self.at);
        let ends = |(at, c): (usize, char)| {
            let begins_comment =
                || rest.get(at..).is_some_and(|it| it.starts_with("//") || it.starts_with("/*"));
            (c.is_whitespace() || "{}[],;\"".contains(c) || also_end.contains(&c) || begins_comment())
                .then_some(at)
        };
        self.advance(rest.char_indices().find_map(ends).unwrap_or(rest.len()));
        self.since(start)
    }

    fn quoted(&mut self, quote: char) -> Result<String, ConfigError> {
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\n' => break,
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, '\n')) | None => break,
                    Some((_, escaped)) => text.push(escaped),
                },
                _ if c == quote => {
                    self.advance(at + quote.len_utf8());
                    return Ok(text);
                }
                _ => text.push(c),
            }
        }
        Err(self.fault("a text without a closing quote".into()))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self, over: char) {
        self.advance(over.len_utf8());
    }

    fn advance(&mut self, octets: usize) {
        let passed = self.rest().get(..octets).unwrap_or_default();
        self.line += passed.bytes().filter(|&octet| octet == b'\n').count();
        self.at += passed.len();
    }

    fn fault(&self, message: String) -> ConfigError {
        ConfigError::Syntax { line: self.line, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Placed<'_>>, ConfigError> {
        let mut scanner = Scanner::new(text);
        let mut tokens = Vec::new();
        loop {
            match scanner.key()? {
                (_, Token::End) => return Ok(tokens),
                token => tokens.push(token),
            }
        }
    }

    #[test]
    fn comments_of_three_kinds_stand_between_tokens_and_within_texts_are_none() {
        let text = "a: 1// one\n# two\nb /* three\nlines */ : \"// \\\" # /*\"";
        let expected = [
            (1, Token::Word("a")),
            (1, Token::Mark(':')),
            (1, Token::Word("1")),
            (3, Token::Word("b")),
            (4, Token::Mark(':')),
            (4, Token::Text("// \" # /*".into())),
        ];
        assert_eq!(tokens(text).unwrap(), expected);
    }

    #[test]
    fn what_does_not_end_is_told_by_the_line_where_it_begins() {
        for (text, told) in [
            ("\n\"abc\n", "line 2: a text without a closing quote"),
            ("\"abc\\", "line 1: a text without a closing quote"),
            ("a\n\n/* b\n", "line 3: a comment without an end"),
        ] {
            assert_eq!(tokens(text).unwrap_err().to_string(), told);
        }
    }
}
