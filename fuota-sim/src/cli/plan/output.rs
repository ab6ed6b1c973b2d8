//! How `fuota plan` tells its figures: as a table or as JSON.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::args::ObjectiveArg;
use crate::forecast::{Advice, Forecast, Method, Question, Success};
use crate::report::{RULED, class_name, humanise, rounded, seconds};

/// Everything that was found out.
pub(super) struct Answer<'a> {
    pub(super) question: &'a Question,
    pub(super) forecast: &'a Forecast,
    /// At the loss that was asked about.
    pub(super) asked: Success,
    /// At other losses.
    pub(super) others: Vec<Success>,
    pub(super) advice: Option<Advice>,
    pub(super) objective: ObjectiveArg,
}

#[derive(Serialize)]
struct Json {
    schema_version: u32,
    image_octets: usize,
    region: &'static str,
    class: &'static str,
    dr: u8,
    duty_cycle: f64,
    devices: u32,
    loss: f64,
    fits: bool,
    reasons: Vec<String>,
    warnings: Vec<String>,
    nb_frag: u64,
    frag_size: u8,
    padding: u64,
    parity: u64,
    /// Uncoded and parity fragments, no polls.
    frames: u64,
    /// One full fragment frame.
    time_on_air_s: f64,
    /// All of them.
    airtime_s: f64,
    /// From the start of one fragment to the start of the next.
    gap_s: f64,
    /// First bit of the first fragment to the last bit of the last.
    data_phase_s: f64,
    setup_s: f64,
    /// From the session's opening to the end of the poll.
    session_s: f64,
    /// Set-up and session.
    duration_s: f64,
    /// Exponent of the session's length.
    session_time_out: u8,
    /// Exponent of the answer window.
    block_ack_delay: u8,
    poll_s: f64,
    setup_energy_j: f64,
    session_energy_j: f64,
    energy_j: f64,
    success_probability: f64,
    success_interval: [f64; 2],
    success_method: &'static str,
    success: Vec<SuccessJson>,
    recommendation: Option<AdviceJson>,
}

#[derive(Serialize)]
struct SuccessJson {
    loss: f64,
    probability: f64,
    low: f64,
    high: f64,
    method: &'static str,
    /// Devices drawn; `null` where nothing was.
    trials: Option<u64>,
    random_code: f64,
}

#[derive(Serialize)]
struct AdviceJson {
    objective: &'static str,
    dr: u8,
    class: &'static str,
    frag_size: u8,
    parity: u64,
    frames: u64,
    airtime_s: f64,
    data_phase_s: f64,
    duration_s: f64,
    energy_j: f64,
    success_probability: f64,
    flags: String,
}

impl Answer<'_> {
    pub(super) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(&self.json()).map(|json| json + "\n")
    }

    pub(super) fn to_text(&self) -> String {
        let mut out = String::new();
        // Writing to a `String` cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn json(&self) -> Json {
        let Self { question, forecast, asked, .. } = self;
        let [setup, session] = forecast.energy.map(|time| rounded(question.profile.joules(&time)));
        Json {
            schema_version: 1,
            image_octets: question.image_len,
            region: question.region.name(),
            class: class_name(question.class),
            dr: question.data_rate.get(),
            duty_cycle: question.duty.as_fraction(),
            devices: question.devices,
            loss: question.loss,
            fits: forecast.reasons.is_empty(),
            reasons: forecast.reasons.clone(),
            warnings: forecast.warnings.clone(),
            nb_frag: forecast.nb_frag,
            frag_size: forecast.frag_size,
            padding: forecast.padding,
            parity: forecast.parity,
            frames: forecast.frames(),
            time_on_air_s: seconds(forecast.time_on_air),
            airtime_s: seconds(forecast.airtime),
            gap_s: seconds(forecast.gap),
            data_phase_s: seconds(forecast.data_phase),
            setup_s: seconds(forecast.setup),
            session_s: seconds(forecast.session),
            duration_s: seconds(forecast.duration()),
            session_time_out: forecast.session_time_out,
            block_ack_delay: forecast.block_ack_delay,
            poll_s: seconds(forecast.poll),
            setup_energy_j: setup,
            session_energy_j: session,
            energy_j: rounded(forecast.joules(&question.profile)),
            success_probability: rounded(asked.probability),
            success_interval: [rounded(asked.interval.0), rounded(asked.interval.1)],
            success_method: method_name(asked.method),
            success: self.others.iter().map(SuccessJson::new).collect(),
            recommendation: self.advice.as_ref().map(|advice| self.advice_json(advice)),
        }
    }

    fn advice_json(&self, advice: &Advice) -> AdviceJson {
        let forecast = &advice.forecast;
        AdviceJson {
            objective: self.objective.name(),
            dr: advice.data_rate.get(),
            class: class_name(advice.class),
            frag_size: forecast.frag_size,
            parity: forecast.parity,
            frames: forecast.frames(),
            airtime_s: seconds(forecast.airtime),
            data_phase_s: seconds(forecast.data_phase),
            duration_s: seconds(forecast.duration()),
            energy_j: rounded(forecast.joules(&self.question.profile)),
            success_probability: rounded(advice.success.probability),
            flags: flags(advice),
        }
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Self { question, forecast, .. } = self;
        writeln!(out, "{}", self.figures().trim_fmt())?;
        writeln!(out, "\n{}", self.successes().trim_fmt())?;
        if let Some(advice) = &self.advice {
            let found = &advice.forecast;
            writeln!(
                out,
                "\nLeast {}: {} ({} of airtime, {}, {:.3} J, success {:.4})",
                self.objective.name(),
                flags(advice),
                humanise(found.airtime),
                humanise(found.duration()),
                found.joules(&question.profile),
                advice.success.probability
            )?;
        }
        for warning in &forecast.warnings {
            writeln!(out, "Warning: {warning}")?;
        }
        for reason in &forecast.reasons {
            writeln!(out, "Does not fit: {reason}")?;
        }
        Ok(())
    }

    fn figures(&self) -> Table {
        let Self { question, forecast, .. } = self;
        let joules = question.profile.joules(&forecast.energy[0]);
        let mut table = Table::new();
        table.load_style(RULED);
        table.set_header([
            format!(
                "{} octets, {} DR{}, class {}",
                question.image_len,
                question.region.name(),
                question.data_rate.get(),
                class_name(question.class)
            ),
            format!("{} devices", question.devices),
        ]);
        let rows = [
            (
                "Fragments",
                format!(
                    "{} of {} octets (padding {})",
                    forecast.nb_frag, forecast.frag_size, forecast.padding
                ),
            ),
            ("Parity", format!("{} fragments, {} frames in all", forecast.parity, forecast.frames())),
            ("Time on air of a fragment", format!("{:.3} ms", forecast.time_on_air.as_secs_f64() * 1e3)),
            ("Airtime", humanise(forecast.airtime)),
            ("Set-up, behind one gateway", humanise(forecast.setup)),
            ("Data phase", humanise(forecast.data_phase)),
            ("Poll", format!("{} (BlockAckDelay {})", humanise(forecast.poll), forecast.block_ack_delay)),
            ("Session", format!("{} (TimeOut {})", humanise(forecast.session), forecast.session_time_out)),
            ("Duration", humanise(forecast.duration())),
            (
                "Energy of a device",
                format!("{:.3} J, {joules:.3} J of it for set-up", forecast.joules(&question.profile)),
            ),
            ("Fits", if forecast.reasons.is_empty() { "yes".into() } else { "no".into() }),
        ];
        for (name, value) in rows {
            table.add_row([name.to_owned(), value]);
        }
        table
    }

    fn successes(&self) -> Table {
        let mut table = Table::new();
        table.load_style(RULED);
        table.set_header(["Loss", "A device decodes", "95 % interval", "Random code", "By"]);
        let asked = std::iter::once(&self.asked);
        let others = self.others.iter().filter(|other| other.loss.to_bits() != self.asked.loss.to_bits());
        for success in asked.chain(others) {
            let (low, high) = success.interval;
            let interval = match success.method {
                Method::MonteCarlo { .. } => format!("{low:.4} to {high:.4}"),
                Method::Exact | Method::RandomCode => "-".into(),
            };
            table.add_row([
                success.loss.to_string(),
                format!("{:.4}", success.probability),
                interval,
                format!("{:.4}", success.random_code),
                match success.method {
                    Method::MonteCarlo { trials, .. } => format!("{trials} devices drawn"),
                    Method::Exact | Method::RandomCode => "formula".into(),
                },
            ]);
        }
        for column in table.column_iter_mut().take(4) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

impl SuccessJson {
    fn new(success: &Success) -> Self {
        Self {
            loss: success.loss,
            probability: rounded(success.probability),
            low: rounded(success.interval.0),
            high: rounded(success.interval.1),
            method: method_name(success.method),
            trials: match success.method {
                Method::MonteCarlo { trials, .. } => Some(trials),
                Method::Exact | Method::RandomCode => None,
            },
            random_code: rounded(success.random_code),
        }
    }
}

const fn method_name(method: Method) -> &'static str {
    match method {
        Method::Exact => "exact",
        Method::MonteCarlo { .. } => "monte-carlo",
        Method::RandomCode => "random-code",
    }
}

/// The flags that ask for what is recommended.
fn flags(advice: &Advice) -> String {
    let Forecast { frag_size, parity, .. } = advice.forecast;
    let (dr, class) = (advice.data_rate.get(), class_name(advice.class));
    format!("--dr {dr} --class {class} --frag-size {frag_size} --parity {parity}")
}
