//! Lines between sockets and the fleet: a thread that reads and one that writes for each, so that a node that is frozen
//! holds up nobody.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{self, Sender};
use std::thread;

use super::wire::Said;

/// Something on one of the lines, which are counted.
#[derive(Debug)]
pub(crate) enum Command {
    /// A node connects; it hears what is put in here.
    Connected(u64, Sender<String>),
    /// It says something.
    Said(u64, Box<SaidLine>),
    /// It is gone, or speaks another language.
    Gone(u64),
}

/// What a node said.
#[derive(Debug)]
pub(crate) struct SaidLine(pub(super) Said);

/// Lets nodes connect, as long as somebody takes their commands.
pub(crate) fn listen(listener: UnixListener, commands: Sender<Command>) {
    thread::spawn(move || {
        for (line, stream) in (0..).zip(listener.incoming()) {
            // A node that is gone before it has begun is no loss.
            let _ = stream.and_then(|stream| attach(stream, line, commands.clone()));
        }
    });
}

/// Lets a node speak over this stream.
///
/// # Errors
/// If the stream has no second handle.
pub(crate) fn attach(stream: UnixStream, line: u64, commands: Sender<Command>) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let (said, to_say) = mpsc::channel::<String>();
    // Whoever takes commands may have ended; then there is nobody to tell.
    let _ = commands.send(Command::Connected(line, said));
    thread::spawn(move || {
        for text in to_say {
            if writer.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for text in BufReader::new(stream).lines() {
            let Some(said) = text.ok().and_then(|text| serde_json::from_str(&text).ok()) else { break };
            if commands.send(Command::Said(line, Box::new(SaidLine(said)))).is_err() {
                return;
            }
        }
        let _ = commands.send(Command::Gone(line));
    });
    Ok(())
}
