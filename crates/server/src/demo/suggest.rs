//! What to try next: lines to copy, which work as they are while the demo runs.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use super::client::Client;
use super::player::Player;

/// The lines. Only the documented quota of one query a second limits them.
pub(super) fn lines(
    client: &Client,
    player: &Player,
    operator: SocketAddr,
    data: &Path,
) -> anyhow::Result<String> {
    let (url, start) = (client.query_url(), player.task_time.0);
    let (task, all): (&[&str], &[&str]) = (&[&player.task_id], &[]);
    let query =
        |window, task: &[&str]| format!("curl -s '{url}' -d '{}'", super::query_body(window, task));
    let end = start + super::TASK_AGE_S;
    let repeated = player.plan.events.get(..1).unwrap_or_default();
    let repeated = String::from_utf8(player.body(repeated)?)?;
    let binary = std::env::current_exe().unwrap_or_else(|_| "pushtally".into());
    let mut out = String::new();
    let mut add = |what: &str, line: String| _ = writeln!(out, "# {what}\n{line}\n");
    add(
        "a push to the phones that are connected; ask for its TaskId afterwards",
        format!(
            "curl -s '{}' -d '{{\"From_Account\":\"administrator\",\"MsgRandom\":'$RANDOM',\"OfflinePushInfo\":{{\"Title\":\"Hello\"}}}}'",
            client.command_url("push")
        ),
    );
    add(
        "the same query (one a second; a second one within it is answered 60007)",
        query((start, end), task),
    );
    add(
        "only the push's first minute, exact to the second",
        query((start, start + 60), task),
    );
    add(
        "everything in this folder",
        query((end - super::OVERALL_SPAN_S, end), all),
    );
    add("one event once more: it is taken, and no count moves", {
        format!("curl -s '{}' -d '{repeated}'", client.events_url())
    });
    add(
        "a window that is refused, with the reason",
        query((end, start), task),
    );
    add(
        "what the operator sees",
        format!("curl -s 'http://{operator}/metrics'"),
    );
    add("the command line talks to this server", {
        format!(
            "PUSHTALLY__STORAGE__URL='local:{}' '{}' ledger stat",
            data.display(),
            binary.display()
        )
    });
    Ok(out)
}
