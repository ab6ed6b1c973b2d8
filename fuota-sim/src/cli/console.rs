//! Text for people and pipes. Results go to stdout, everything else to stderr.

use std::io::{self, ErrorKind, Write};

/// Prints a result. Whoever reads may have seen enough: a closed pipe is no error.
///
/// # Errors
/// Any other failure of stdout, such as a full disk.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Says on one line what is odd, though work goes on.
pub(super) fn warn(text: &str) {
    say("warning", text);
}

/// Says on one line why work ends.
pub(super) fn error(text: &str) {
    say("error", text);
}

/// Says a line of its own form.
pub(super) fn note(text: &str) {
    // Where stderr is closed nobody is left to tell.
    let _ = writeln!(io::stderr(), "{}", one_line(text));
}

fn say(what: &str, text: &str) {
    note(&format!("{what}: {text}"));
}

/// The text with its line breaks and indentation turned into single spaces.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
