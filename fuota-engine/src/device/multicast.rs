//! Remote multicast setup on the device (TS005): groups, and when they listen.

use core::ops::Range;

use fuota_proto::multicast::{
    GroupItem, McGroupDeleteAns, McGroupSetupAns, McGroupSetupReq, McGroupStatusAns, PACKAGE_IDENTIFIER,
    SessionAns, SessionErrors, v1, v2,
};
use fuota_proto::{
    GpsSeconds, GroupMask, McAddr, McGroupId, NbTotalGroups, PackageVersion, PackageVersionAns, TimeToStart,
};
use heapless::Vec;

use super::answers::Answers;
use super::output::{MAX_UPLINK, McContext, Output, Window, WindowClass};
use super::platform::Platform;
use super::settings::Settings;
use super::window::{Session, SessionReq};
use crate::time::GpsInstant;

/// The package: its groups and the answers it owes.
#[derive(Debug)]
pub(super) struct Multicast<const GROUPS: usize> {
    version: PackageVersion,
    class_b: bool,
    groups: [Option<Group>; GROUPS],
    answers: Answers<Answer, 16>,
    /// Groups whose contexts the LoRaWAN stack still holds although they are deleted.
    removed: GroupMask,
    /// The window that the radio was told to keep open.
    open: Option<Window>,
}

#[derive(Debug)]
struct Group {
    mc_addr: McAddr,
    fcnts: Range<u32>,
    /// The context that the LoRaWAN stack does not hold yet.
    context: Option<McContext>,
    session: Option<Session>,
}

/// What to answer, in few octets, and before it is known when the answer leaves.
#[derive(Debug)]
enum Answer {
    Version,
    Status(GroupMask),
    Setup(McGroupSetupAns),
    Delete(McGroupDeleteAns),
    SessionB(McGroupId, Result<GpsSeconds, SessionErrors>),
    SessionC(McGroupId, Result<GpsSeconds, SessionErrors>),
}

impl<const GROUPS: usize> Multicast<GROUPS> {
    pub(super) const fn new(settings: &Settings) -> Self {
        Self {
            version: settings.multicast,
            class_b: settings.class_b,
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
        // The versions differ in their answers alone.
        for command in v1::Downlink::commands(payload).map_while(Result::ok) {
            let answer = match command {
                v1::Downlink::PackageVersionReq(_) => Answer::Version,
                v1::Downlink::McGroupStatusReq(req) => Answer::Status(req.req_group_mask),
                v1::Downlink::McGroupSetupReq(req) => Answer::Setup(self.set_up(&req, platform)),
                v1::Downlink::McGroupDeleteReq(req) => Answer::Delete(self.delete(req.mc_group_id)),
                v1::Downlink::McClassCSessionReq(req) => {
                    Answer::SessionC(req.mc_group_id, self.schedule(now, &req.into(), platform))
                }
                v1::Downlink::McClassBSessionReq(req) => {
                    Answer::SessionB(req.mc_group_id, self.schedule(now, &req.into(), platform))
                }
            };
            self.answers.push(now, answer);
        }
    }

    /// Opens and closes what is due.
    pub(super) fn handle_timeout(&mut self, now: GpsInstant) {
        for group in self.groups.iter_mut().flatten() {
            if group.session.as_mut().is_some_and(|session| !session.goes_on(now)) {
                group.session = None;
            }
        }
    }

    /// Ends the running sessions of these groups: their block is whole and the server knows.
    pub(super) fn leave(&mut self, groups: GroupMask) {
        for mc_group_id in groups.iter() {
            if let Some(Some(group)) = self.slot(mc_group_id) {
                group.session = group.session.take().filter(|session| session.open_window().is_none());
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
            return Some(Output::CloseWindow);
        }
        self.open = wanted;
        wanted.map(Output::OpenWindow)
    }

    /// The answers that leave now.
    pub(super) fn poll_answers(&mut self, now: GpsInstant, max_uplink: usize) -> Option<Vec<u8, MAX_UPLINK>> {
        let Self { version, groups, answers, .. } = self;
        match version {
            PackageVersion::V1 => answers.uplink(now, max_uplink, |answer, available| {
                Some(match answer {
                    Answer::Version => package_version(v1::PACKAGE_VERSION).into(),
                    Answer::Status(asked) => v1::Uplink::from(status_ans(groups, asked, available)?),
                    Answer::Setup(answer) => answer.into(),
                    Answer::Delete(answer) => answer.into(),
                    Answer::SessionB(id, starts) => {
                        v1::Uplink::McClassBSessionAns(session_ans(now, id, starts))
                    }
                    Answer::SessionC(id, starts) => {
                        v1::Uplink::McClassCSessionAns(session_ans(now, id, starts))
                    }
                })
            }),
            PackageVersion::V2 => answers.uplink(now, max_uplink, |answer, available| {
                Some(match answer {
                    Answer::Version => package_version(v2::PACKAGE_VERSION).into(),
                    Answer::Status(asked) => v2::Uplink::from(status_ans(groups, asked, available)?),
                    Answer::Setup(answer) => answer.into(),
                    Answer::Delete(answer) => answer.into(),
                    Answer::SessionB(id, starts) => {
                        v2::Uplink::McClassBSessionAns(session_ans(now, id, starts))
                    }
                    Answer::SessionC(id, starts) => {
                        v2::Uplink::McClassCSessionAns(session_ans(now, id, starts))
                    }
                })
            }),
        }
    }

    /// When a session starts or ends next.
    pub(super) fn session_due(&self) -> Option<GpsInstant> {
        let sessions = self.groups.iter().flatten().filter_map(|group| group.session.as_ref());
        sessions.map(Session::due).min()
    }

    /// When answers leave next.
    pub(super) fn answers_due(&self) -> Option<GpsInstant> {
        self.answers.due()
    }

    /// The device's clock is set forward or back by this many seconds. Sessions keep their times: it is the clock
    /// that was wrong.
    pub(super) fn shift(&mut self, seconds: i32) {
        self.answers.shift(seconds);
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

    fn schedule<P: Platform>(
        &mut self,
        now: GpsInstant,
        req: &SessionReq,
        platform: &P,
    ) -> Result<GpsSeconds, SessionErrors> {
        let Window { mc_group_id, frequency, data_rate, class } = req.window;
        let start = now.nearest(req.session_time.get());
        // TS005-1.0.0 §3.6: a device that does not follow beacons has neither a frequency nor a data rate for ping
        // slots; the package has no bit that says so more plainly.
        let deaf = class != WindowClass::C && !self.class_b;
        // TS005-1.0.0 §3.5: FreqError and DRError for what the radio cannot do.
        let dr_error = deaf || !platform.data_rate_usable(data_rate);
        let freq_error = deaf || !platform.frequency_usable(frequency);
        let found =
            SessionErrors::from_flags(dr_error, freq_error, self.group(mc_group_id).is_none(), start < now);
        if let Some(errors) = found.into_iter().chain(req.errors).reduce(|all, errors| all | errors) {
            return Err(errors);
        }
        let group =
            self.slot(mc_group_id).and_then(Option::as_mut).ok_or(SessionErrors::MC_GROUP_UNDEFINED)?;
        group.session = Some(Session::scheduled(start, req));
        Ok(req.session_time)
    }

    /// The window that should be open: the one that is, for as long as its session runs, otherwise that of the
    /// first group whose session does. One radio listens in one place.
    fn wanted_window(&self) -> Option<Window> {
        let running = |mc_group_id: McGroupId| self.group(mc_group_id)?.session.as_ref()?.open_window();
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

/// The answer to a session request as it leaves `now`: TimeToStart counts from this uplink (TS005-1.0.0 §3.5).
fn session_ans<const VERSION: u8, const CID: u8>(
    now: GpsInstant,
    mc_group_id: McGroupId,
    starts: Result<GpsSeconds, SessionErrors>,
) -> SessionAns<VERSION, CID> {
    match starts {
        Err(errors) => SessionAns::refusing(mc_group_id, errors),
        Ok(start) => {
            let seconds = (now.nearest(start.get()).since(now).as_millis() + 500) / 1000;
            // TS005-2.0.0 §3.5: what 24 bits don't hold stays at the maximum.
            let time_to_start = TimeToStart::saturating(u32::try_from(seconds).unwrap_or(u32::MAX));
            SessionAns::accepting(mc_group_id, time_to_start)
        }
    }
}

const fn package_version(package_version: u8) -> PackageVersionAns {
    PackageVersionAns { package_identifier: PACKAGE_IDENTIFIER, package_version }
}
