//! The node's side: the fleet's network server as the driver sees it.

use std::collections::HashMap;
use std::os::unix::net::UnixStream as StdStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use fuota_engine::campaign::event::StageKind;
use fuota_engine::campaign::io::Transmit;
use fuota_engine::driver::Transport;
use fuota_engine::driver::store::CampaignId;
use fuota_engine::driver::transport::{
    Capabilities, Delivery, Handover, Provision, ProvisionError, Receipt, SendError, TransportError,
    TransportEvent,
};
use fuota_engine::ids::{GroupId, TxId};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};

use super::clock::FastClock;
use super::wire::{Answer, Call, Greeting, Line, Said};
use crate::world::{Holdings, Told};

/// The fleet is gone.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the fleet is gone")]
pub(crate) struct Gone;

/// What it answers makes no sense: it is of another version.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the fleet answers something else than it was asked")]
struct Confused;

/// The connection to a fleet. What a call says goes out whole, whether or not its answer is waited for.
#[derive(Debug)]
pub(crate) struct Network {
    greeting: Greeting,
    calls: Arc<Calls>,
    told: tokio::sync::Mutex<mpsc::UnboundedReceiver<Delivery>>,
    gone: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Calls {
    next: AtomicU64,
    lines: mpsc::UnboundedSender<String>,
    /// Who waits for which answer; `None` once there will be none.
    waiting: Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>,
}

impl Network {
    /// Greets the fleet in a node's name, on the tokio runtime of the caller.
    ///
    /// # Errors
    /// If the fleet does not answer as a fleet does.
    pub(crate) async fn connect(stream: StdStream, node: &str) -> Result<Self, TransportError> {
        let stream = nonblocking(stream).map_err(|error| TransportError(Box::new(error)))?;
        let (reader, writer) = stream.into_split();
        let (lines, to_write) = mpsc::unbounded_channel();
        let waiting = Mutex::new(Some(HashMap::new()));
        let calls = Arc::new(Calls { next: AtomicU64::new(0), lines, waiting });
        let (tell, told) = mpsc::unbounded_channel();
        let (at_end, gone) = watch::channel(false);
        tokio::spawn(write(writer, to_write));
        tokio::spawn({
            let calls = Arc::clone(&calls);
            async move {
                read(reader, &calls, &tell).await;
                calls.end();
                at_end.send_replace(true);
            }
        });
        match calls.call(Call::Hello { node: node.to_owned() }).await? {
            Answer::Hello(greeting) => {
                Ok(Self { greeting, calls, told: tokio::sync::Mutex::new(told), gone })
            }
            _ => Err(confused()),
        }
    }

    /// The clock by which the fleet lives.
    pub(crate) const fn clock(&self) -> FastClock {
        self.greeting.clock
    }

    /// Which campaign the fleet is made for.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.greeting.fingerprint
    }

    /// Waits until the fleet is gone.
    pub(crate) async fn gone(&self) {
        let mut gone = self.gone.clone();
        // Whoever would tell is gone, too, then.
        let _ = gone.wait_for(|gone| *gone).await;
    }

    /// Tells in which stage the campaign is.
    ///
    /// # Errors
    /// If the fleet is gone.
    pub(crate) async fn enter(&self, stage: StageKind) -> Result<(), TransportError> {
        self.done(Call::Enter { stage }).await
    }

    /// Asks what devices hold.
    ///
    /// # Errors
    /// If the fleet is gone.
    pub(crate) async fn take_stock(&self) -> Result<Holdings, TransportError> {
        match self.calls.call(Call::TakeStock).await? {
            Answer::Stock(holdings) => Ok(*holdings),
            _ => Err(confused()),
        }
    }

    /// Tells that the campaign is over.
    ///
    /// # Errors
    /// If the fleet is gone.
    pub(crate) async fn finish(&self) -> Result<(), TransportError> {
        self.done(Call::Finish).await
    }

    async fn done(&self, call: Call) -> Result<(), TransportError> {
        match self.calls.call(call).await? {
            Answer::Done => Ok(()),
            _ => Err(confused()),
        }
    }
}

impl Calls {
    async fn call(&self, call: Call) -> Result<Answer, TransportError> {
        let (answer, answered) = oneshot::channel();
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        match &mut *self.waiting() {
            Some(waiting) => waiting.insert(n, answer),
            None => return Err(TransportError(Box::new(Gone))),
        };
        self.say(&Said { n, call })?;
        answered.await.map_err(|_| TransportError(Box::new(Gone)))
    }

    fn say(&self, said: &Said) -> Result<(), TransportError> {
        let mut line = serde_json::to_string(said).map_err(|error| TransportError(Box::new(error)))?;
        line.push('\n');
        self.lines.send(line).map_err(|_| TransportError(Box::new(Gone)))
    }

    fn answered(&self, n: u64, answer: Answer) {
        let waits = self.waiting().as_mut().and_then(|waiting| waiting.remove(&n));
        if let Some(waits) = waits {
            // Who no longer waits does not want it.
            let _ = waits.send(answer);
        }
    }

    fn end(&self) {
        self.waiting().take();
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Option<HashMap<u64, oneshot::Sender<Answer>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nonblocking(stream: StdStream) -> std::io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

async fn write(mut writer: OwnedWriteHalf, mut lines: mpsc::UnboundedReceiver<String>) {
    while let Some(line) = lines.recv().await {
        if writer.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads until the fleet says nothing more, or something else than a fleet says.
async fn read(reader: OwnedReadHalf, calls: &Calls, tell: &mpsc::UnboundedSender<Delivery>) {
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Line::Answer { n, answer }) => calls.answered(n, answer),
            Ok(Line::Told { receipt, campaign, told }) => {
                let delivery =
                    Delivery { event: event(CampaignId(campaign), told), receipt: Some(Receipt(receipt)) };
                if tell.send(delivery).is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

fn event(campaign: CampaignId, told: Told) -> TransportEvent {
    match told {
        Told::Uplink { from, port, payload, received } => {
            TransportEvent::Uplink { from, port, payload, received }
        }
        Told::Downlink { id, report } => TransportEvent::Downlink { campaign, id, report },
    }
}

fn confused() -> TransportError {
    TransportError(Box::new(Confused))
}

#[async_trait]
impl Transport for Network {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::basic(self.greeting.queue_depth);
        capabilities.lists_queue = !self.greeting.is_plain;
        capabilities.checks_tokens = !self.greeting.is_plain;
        capabilities
    }

    async fn send(&self, from: Handover, transmit: &Transmit) -> Result<(), SendError> {
        let (campaign, token) = (from.campaign.0, from.token);
        match self.calls.call(Call::Send { campaign, token, downlink: transmit.into() }).await? {
            Answer::Done => Ok(()),
            Answer::Refused(refusal) => Err(SendError::Refused(refusal)),
            Answer::Fenced => Err(SendError::Fenced),
            _ => Err(confused().into()),
        }
    }

    async fn cancel(&self, _: CampaignId, id: TxId) -> Result<(), TransportError> {
        self.done(Call::Cancel { id }).await
    }

    async fn provision(&self, group: &Provision<'_>) -> Result<u32, ProvisionError> {
        let call = Call::Provision {
            campaign: group.campaign.0,
            parameters: *group.parameters,
            mc_app_s_key: *group.keys.mc_app_s_key.expose(),
            mc_nwk_s_key: *group.keys.mc_nwk_s_key.expose(),
        };
        match self.calls.call(call).await? {
            Answer::Counter(next_fcnt) => Ok(next_fcnt),
            Answer::Refused(_) => Err(ProvisionError::Refused("it serves another campaign".into())),
            _ => Err(confused().into()),
        }
    }

    async fn release(&self, _: CampaignId, group: GroupId) -> Result<(), TransportError> {
        self.done(Call::Release { group }).await
    }

    async fn recv(&self) -> Result<Delivery, TransportError> {
        self.told.lock().await.recv().await.ok_or_else(|| TransportError(Box::new(Gone)))
    }

    async fn acknowledge(&self, receipt: Receipt) -> Result<(), TransportError> {
        let n = self.calls.next.fetch_add(1, Ordering::Relaxed);
        self.calls.say(&Said { n, call: Call::Acknowledge { receipt: receipt.0 } })
    }

    async fn queued(&self, _: CampaignId) -> Result<Vec<TxId>, TransportError> {
        match self.calls.call(Call::Queued).await? {
            Answer::Queued(queued) => Ok(queued),
            _ => Err(confused()),
        }
    }
}
