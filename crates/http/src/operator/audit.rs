//! `GET /v1/audit?app=&before=&limit=`: who did what, newest first.

use std::sync::Arc;

use axum::extract;
use axum::response::Response;
use http::request::Parts;
use pushtally_model::AppId;

use super::endpoint::{Endpoint, Parameter, READING, sdkappid};
use super::{Listed, answer, storage};
use crate::State;
use crate::operations::{AuditPage, audit_page};
use crate::operators::Role;
use crate::problem::Problem;

pub(super) fn endpoint() -> Endpoint {
    let what = "Who did what, newest first.";
    Endpoint::get::<AuditPage, _>("/v1/audit", "listAudit", what, list)
        .for_role(Role::Admin)
        .with([
            Parameter::query("app", "Only of this SDKAppID.", sdkappid()),
            Parameter::before(),
            Parameter::limit(),
        ])
        .refusing(&READING)
}

async fn list(state: extract::State<Arc<State>>, request: extract::Request) -> Response {
    let (parts, _) = request.into_parts();
    answer(page(&state, &parts).await)
}

async fn page(state: &State, parts: &Parts) -> Result<AuditPage, Problem> {
    let Listed { app, before, limit } = Listed::parse(parts)?;
    audit_page(&state.audit, app.map(AppId), before, limit)
        .await
        .map_err(storage)
}
