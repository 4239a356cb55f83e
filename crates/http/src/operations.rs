//! What an operator sees of pushes and does with them: the same for the operator listener and for the command line.
//!
//! Values that are written as JSON, and the acts that make them. Who may act, and the audit, are the callers'.

mod audit_row;
mod brakes;
mod condition;
mod estimate;
mod export;
mod forgetting;
mod history;
mod kept;
mod latency;
mod lost;
mod numbers;
mod order;
mod reach;
mod receipts;
mod series;
mod tallies;
mod task_report;
mod task_row;
mod task_search;
pub(crate) mod trace;
mod whole;

pub use audit_row::{AuditPage, AuditRow, audit_page};
pub use brakes::{BrakeRow, Brakes, brakes};
pub use condition::{AskedCondition, ConditionError};
pub use estimate::{Asked, EstimateError, Estimated, EstimatedRow, estimate};
pub use export::{Columns, Export, ExportError, ExportRow, export};
pub use forgetting::{
    BackupRow, ErasedRow, FORGET_MAX, ForgetReport, ForgetSources, ForgettingPage, ForgettingRow,
    ForgottenRow, forget, forgetting_page,
};
pub use history::{HistoryAsked, HistoryPage, HistoryRow, NoPlace, Whose, history, read_place};
pub use kept::KeptError;
pub use latency::{
    LatencyReport, LatencyRow, LatencyRows, Percentiles, Steps, TaskLatencies, latencies,
};
pub use lost::{Losses, LostBefore, LostScope, losses};
pub use numbers::Numbers;
pub use order::{Order, OrderError, Ordered, UnknownRule, order};
pub use reach::{Reach, ReachCount, ReachRoute, ReachRow, ReachStages, ReachTask, reach};
pub use receipts::{Receipts, ReceiptsRow, ReceiptsState, receipts};
pub use series::{Point, PointRow, Series, SeriesRow, series};
pub use tallies::{ScopeRow, Tallies, tallies};
pub use task_report::{Counts, LossRow, RouteRow, TaskReport, task_report};
pub use task_row::{TaskPage, TaskRow, TaskStatus, is_as_wanted, task_page};
pub use task_search::{TaskFilter, search_tasks};
pub(crate) use whole::whole;

pub use trace::{CallRow, LostRow, Sources, StepRow, TaskTrace, WayRow, task_trace};

pub use crate::devices::{RowError, read_device_row, write_device_row};
pub use crate::limits::{ROWS, ROWS_MAX};
