//! Remote multicast setup on the device (TS005): groups, and when they listen.

use core::ops::Range;

use fuota_proto::multicast::v1::{
    Downlink, McClassBSessionAns, McClassBSessionReq, McClassCSessionAns, McClassCSessionReq,
    McGroupDeleteAns, McGroupSetupAns, McGroupSetupReq, McGroupStatusAns, PACKAGE_IDENTIFIER,
    PACKAGE_VERSION, PackageVersionAns, Uplink,
};
use fuota_proto::multicast::{GroupItem, SessionErrors};

use fuota_proto::{GpsSeconds, GroupMask, McAddr, McGroupId, NbTotalGroups, TimeToStart};
use heapless::Vec;

use super::answers::Answers;
use super::output::{ClassCWindow, MAX_UPLINK, McContext, Output};
use super::platform::Platform;
use super::session::ClassCSession;
use crate::time::GpsInstant;

/// The package: its groups and the answers it owes.
#[derive(Debug)]
pub(super) struct Multicast<const GROUPS: usize> {
    groups: [Option<Group>; GROUPS],
    answers: Answers<Answer>,
    /// Groups whose contexts the LoRaWAN stack still holds although they are deleted.
    removed: GroupMask,
    /// The window that the radio was told to keep open.
    open: Option<ClassCWindow>,
}

#[derive(Debug)]
struct Group {
    mc_addr: McAddr,
    fcnts: Range<u32>,
    /// The context that the LoRaWAN stack does not hold yet.
    context: Option<McContext>,
    session: Option<ClassCSession>,
}

/// What to answer, in few octets, and before it is known when the answer leaves.
#[derive(Debug)]
enum Answer {
    Version,
    Status(GroupMask),
    Setup(McGroupSetupAns),
    Delete(McGroupDeleteAns),
    Starts(McGroupId, GpsSeconds),
    RefusedC(McGroupId, SessionErrors),
    RefusedB(McGroupId, SessionErrors),
}

impl<const GROUPS: usize> Multicast<GROUPS> {
    pub(super) const fn new() -> Self {
        Self {
            groups: [const { None }; GROUPS],
            answers: Answers::new(),
            removed: GroupMask::NONE,
            open: None,
        }
    }

    /// Whether a frame of this group with this counter may be taken (TS005-1.0.0 §3.3).
    pub(super) fn admits(&self, group: McGroupId, fcnt: u32) -> bool {
        self.group(group).is_some_and(|group| group.fcnts.contains(&fcnt))
    }

    /// Executes the commands of a unicast payload, first to last, up to the first that makes no sense.
    pub(super) fn handle<P: Platform>(&mut self, now: GpsInstant, payload: &[u8], platform: &mut P) {
        for command in Downlink::commands(payload).map_while(Result::ok) {
            let answer = match command {
                Downlink::PackageVersionReq(_) => Answer::Version,
                Downlink::McGroupStatusReq(req) => Answer::Status(req.req_group_mask),
                Downlink::McGroupSetupReq(req) => Answer::Setup(self.set_up(&req, platform)),
                Downlink::McGroupDeleteReq(req) => Answer::Delete(self.delete(req.mc_group_id)),
                Downlink::McClassCSessionReq(req) => self.schedule(now, &req, platform),
                Downlink::McClassBSessionReq(req) => self.refuse_class_b(&req),
            };
            self.answers.push(now, answer);
        }
    }

    /// Opens and closes what is due.
    pub(super) fn handle_timeout(&mut self, now: GpsInstant) {
        for group in self.groups.iter_mut().flatten() {
            // The end comes first: a start that was overslept until then is no start.
            group.session = group.session.take().and_then(|session| session.at(now));
        }
    }

    /// Ends the running sessions of these groups: their block is whole and the server knows.
    pub(super) fn leave(&mut self, groups: GroupMask) {
        for mc_group_id in groups.iter() {
            if let Some(Some(group)) = self.slot(mc_group_id) {
                group.session = group.session.take().filter(|session| !session.is_running());
            }
        }
    }

    /// What the LoRaWAN stack and the radio have to be told to catch up with the state.
    pub(super) fn poll_change(&mut self) -> Option<Output> {
        if let Some(mc_group_id) = self.removed.iter().next() {
            self.removed = self.removed.without(mc_group_id);
            return Some(Output::RemoveGroup(mc_group_id));
        }
        if let Some(context) = self.groups.iter_mut().flatten().find_map(|group| group.context.take()) {
            return Some(Output::InstallGroup(context));
        }
        let wanted = self.wanted_window();
        if self.open == wanted {
            return None;
        }
        if self.open.take().is_some() {
            return Some(Output::CloseClassC);
        }
        self.open = wanted;
        wanted.map(Output::OpenClassC)
    }

    /// The answers that leave now.
    pub(super) fn poll_answers(&mut self, now: GpsInstant, max_uplink: usize) -> Option<Vec<u8, MAX_UPLINK>> {
        let Self { groups, answers, .. } = self;
        answers.uplink(now, max_uplink, |answer, available| {
            Some(match answer {
                Answer::Version => Uplink::from(PackageVersionAns {
                    package_identifier: PACKAGE_IDENTIFIER,
                    package_version: PACKAGE_VERSION,
                }),
                Answer::Status(asked) => status_ans(groups, asked, available)?.into(),
                Answer::Setup(answer) => answer.into(),
                Answer::Delete(answer) => answer.into(),
                Answer::Starts(id, start) => {
                    McClassCSessionAns::accepting(id, time_to_start(now, start)).into()
                }
                Answer::RefusedC(id, errors) => McClassCSessionAns::refusing(id, errors).into(),
                Answer::RefusedB(id, errors) => McClassBSessionAns::refusing(id, errors).into(),
            })
        })
    }

    /// When a session starts or ends next.
    pub(super) fn session_due(&self) -> Option<GpsInstant> {
        let sessions = self.groups.iter().flatten().filter_map(|group| group.session.as_ref());
        sessions.map(ClassCSession::due).min()
    }

    /// When answers leave next.
    pub(super) fn answers_due(&self) -> Option<GpsInstant> {
        self.answers.due()
    }

    fn set_up<P: Platform>(&mut self, req: &McGroupSetupReq, platform: &mut P) -> McGroupSetupAns {
        let mc_group_id = req.mc_group_id;
        let Some(slot) = self.groups.get_mut(usize::from(mc_group_id.get())) else {
            // TS005-1.0.0 §3.3: a device of N groups has the groups 0 to N − 1.
            return McGroupSetupAns { mc_group_id, id_error: true };
        };
        if let Err(error) = req.validate() {
            return McGroupSetupAns::refusing(mc_group_id, error);
        }
        let mc_key = platform.unwrap_mc_key(&req.mc_key_encrypted);
        let context = McContext {
            mc_group_id,
            mc_addr: req.mc_addr,
            mc_app_s_key: mc_key.mc_app_s_key(req.mc_addr),
            mc_nwk_s_key: mc_key.mc_nwk_s_key(req.mc_addr),
            min_mc_fcnt: req.min_mc_fcnt,
            max_mc_fcnt: req.max_mc_fcnt,
        };
        // A repeat changes the group and leaves its session alone (TS005-1.0.0 §3.3).
        let session = slot.take().and_then(|group| group.session);
        *slot = Some(Group {
            mc_addr: req.mc_addr,
            fcnts: req.min_mc_fcnt..req.max_mc_fcnt,
            context: Some(context),
            session,
        });
        self.removed = self.removed.without(mc_group_id);
        McGroupSetupAns { mc_group_id, id_error: false }
    }

    fn delete(&mut self, mc_group_id: McGroupId) -> McGroupDeleteAns {
        let group = self.slot(mc_group_id).and_then(Option::take);
        let mc_group_undefined = group.is_none();
        if !mc_group_undefined {
            self.removed = self.removed.with(mc_group_id);
        }
        McGroupDeleteAns { mc_group_id, mc_group_undefined }
    }

    fn schedule<P: Platform>(&mut self, now: GpsInstant, req: &McClassCSessionReq, platform: &P) -> Answer {
        let mc_group_id = req.mc_group_id;
        let start = now.nearest(req.session_time.get());
        let undefined = self.group(mc_group_id).is_none();
        // TS005-1.0.0 §3.5: FreqError and DRError for what the radio cannot do.
        let dr_error = !req.dr.is_valid() || !platform.data_rate_usable(req.dr);
        let freq_error = req.dl_frequency_hz.is_reserved() || !platform.frequency_usable(req.dl_frequency_hz);
        let errors = SessionErrors::from_flags(dr_error, freq_error, undefined, start < now);
        match (errors, self.slot(mc_group_id)) {
            (None, Some(Some(group))) => {
                group.session = Some(ClassCSession::scheduled(start, req));
                Answer::Starts(mc_group_id, req.session_time)
            }
            (errors, _) => Answer::RefusedC(mc_group_id, errors.unwrap_or(SessionErrors::MC_GROUP_UNDEFINED)),
        }
    }

    /// There is no beacon tracking yet, so there is neither a frequency nor a data rate for ping slots; the
    /// package has no bit that says so more plainly (TS005-1.0.0 §3.6).
    fn refuse_class_b(&self, req: &McClassBSessionReq) -> Answer {
        let undefined = self.group(req.mc_group_id).is_none();
        let errors = SessionErrors::FREQ_ERROR | SessionErrors::DR_ERROR;
        let errors = if undefined { errors | SessionErrors::MC_GROUP_UNDEFINED } else { errors };
        Answer::RefusedB(req.mc_group_id, errors)
    }

    /// The window that should be open: the one that is, for as long as its session runs, otherwise that of the
    /// first group whose session does. One radio listens in one place.
    fn wanted_window(&self) -> Option<ClassCWindow> {
        let running = |mc_group_id: McGroupId| {
            let session = self.group(mc_group_id)?.session.as_ref().filter(|session| session.is_running())?;
            Some(session.window(mc_group_id))
        };
        let current = self.open.and_then(|window| running(window.mc_group_id));
        current.or_else(|| McGroupId::ALL.into_iter().find_map(running))
    }

    fn group(&self, mc_group_id: McGroupId) -> Option<&Group> {
        self.groups.get(usize::from(mc_group_id.get()))?.as_ref()
    }

    fn slot(&mut self, mc_group_id: McGroupId) -> Option<&mut Option<Group>> {
        self.groups.get_mut(usize::from(mc_group_id.get()))
    }
}

/// The groups asked for, from the lowest up, as many as fit (TS005-1.0.0 §3.2).
fn status_ans(groups: &[Option<Group>], asked: GroupMask, available: usize) -> Option<McGroupStatusAns> {
    let defined =
        || McGroupId::ALL.into_iter().zip(groups).filter_map(|(id, slot)| Some((id, slot.as_ref()?)));
    let items: Vec<GroupItem, 4> = defined()
        .filter(|&(mc_group_id, _)| asked.contains(mc_group_id))
        .map(|(mc_group_id, group)| GroupItem { mc_group_id, mc_addr: group.mc_addr })
        .collect();
    let nb_total_groups = NbTotalGroups::from_wire(u8::try_from(defined().count()).ok()?);
    let mut answer = McGroupStatusAns::new(nb_total_groups, &items).ok()?;
    while fuota_proto::Command::encoded_len(&answer) > available {
        answer.drop_last()?;
    }
    Some(answer)
}

/// Seconds from the uplink that leaves `now` to the start, to the nearest (TS005-1.0.0 §3.5).
fn time_to_start(now: GpsInstant, start: GpsSeconds) -> TimeToStart {
    let seconds = (now.nearest(start.get()).since(now).as_millis() + 500) / 1000;
    TimeToStart::saturating(u32::try_from(seconds).unwrap_or(u32::MAX))
}
