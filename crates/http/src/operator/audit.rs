//! `GET /v1/audit?app=&before=&limit=`: who did what, newest first.

use std::sync::Arc;

use axum::extract;
use http::request::Parts;
use pushtally_model::AppId;

use super::endpoint::{Endpoint, Parameter, READING, sdkappid};
use super::{Answer, Answered, Listed, storage};
use crate::State;
use crate::operations::{AuditPage, audit_page};
use crate::operators::Role;

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

async fn list(state: extract::State<Arc<State>>, parts: Parts) -> Answered<AuditPage> {
    let Listed { app, before, limit } = Listed::parse(&parts)?;
    let page = audit_page(&state.audit, app.map(AppId), before, limit).await;
    page.map(Answer).map_err(storage)
}
