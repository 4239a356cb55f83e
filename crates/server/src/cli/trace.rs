//! `pushtally trace`.

use clap::Args;
use pushtally_http::operations::{CallRow, StepRow, TaskTrace, WayRow};

use super::moment;
use crate::acts::{Act, Done};
use crate::terminal::sayln;

/// Whose devices, in which task.
#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// The SDKAppID.
    sdkappid: u32,
    /// The TaskId.
    task: String,
    /// The account, or the RegistrationID of a phone.
    user: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    arguments: TraceArgs,
    perform: impl Fn(Act) -> anyhow::Result<Done>,
) -> anyhow::Result<()> {
    let TraceArgs {
        sdkappid,
        task: id,
        user,
        json,
    } = arguments;
    if let Done::Traced(trace) = perform(Act::Trace { sdkappid, id, user })? {
        if json {
            sayln!("{}", serde_json::to_string(&trace)?);
        } else {
            show(&trace);
        }
    }
    Ok(())
}

fn show(trace: &TaskTrace) {
    if trace.ways.is_empty() {
        let (user, since) = (trace.user.escape_debug(), moment(trace.since));
        sayln!("nothing is known of {user} in this task since {since} UTC");
        return;
    }
    for way in &trace.ways {
        sayln!("{}", head(way));
        for step in &way.steps {
            sayln!("  {}", line(step));
        }
        for call in &way.calls {
            sayln!("  {}", called(call));
        }
    }
    if trace.cut {
        sayln!("more devices are not shown");
    }
}

/// Phones say anything of themselves; the table has one line a step.
fn head(way: &WayRow) -> String {
    let phone = match &way.registration_id {
        Some(phone) => format!(
            "phone {} ({} {})",
            phone.escape_debug(),
            way.system.escape_debug(),
            way.model.escape_debug()
        ),
        None => "not registered here".to_owned(),
    };
    let WayRow {
        device,
        route,
        channel,
        ..
    } = way;
    format!("device {device}, {phone}, {route} on {channel}")
}

/// A step, and who said so.
pub(super) fn line(step: &StepRow) -> String {
    let StepRow {
        step: name,
        at,
        recorded_ms,
        source,
        loss,
    } = step;
    let why = match loss {
        Some(loss) => format!(
            " before {}: {} {}",
            loss.before,
            loss.code,
            loss.text.escape_debug()
        ),
        None => String::new(),
    };
    let (at, recorded_s) = (moment(*at), recorded_ms.div_euclid(1000));
    let recorded = u32::try_from(recorded_s).map_or_else(|_| String::new(), moment);
    format!("{at}  {name:<9} said by {source:<6} recorded {recorded}{why}")
}

fn called(call: &CallRow) -> String {
    let at = u32::try_from(call.at_ms.div_euclid(1000));
    let at = at.map_or_else(|_| String::new(), moment);
    let answer = match call.status {
        0 => "no answer".to_owned(),
        status => format!("HTTP {status}"),
    };
    let name = match call.request_id.as_str() {
        "" => String::new(),
        id => format!(", `{}` to the vendor", id.escape_debug()),
    };
    let why = match (call.code, call.text.as_str()) {
        (0, "") => String::new(),
        (code, text) => format!(": {code} {}", text.escape_debug()),
    };
    format!("{at}  call      {answer}{name}{why}")
}
