//! What an endpoint of the operator's listener is: where it is routed to, and what its document says of it.
//!
//! The router and the OpenAPI document are both made from these values, so neither knows a route that the other does not.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::extract::Path;
use axum::handler::Handler;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, any};
use http::Method;
use http::request::Parts;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::not_found;
use crate::State;
use crate::limits::{ROWS, ROWS_MAX};
use crate::operators::Role;

/// The media type of server-sent events.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// A problem that a route can answer: its HTTP status, and the last part of its `type`.
pub(crate) type Fault = (u16, &'static str);

/// The query or the path is not what it must be.
pub(super) const BAD_REQUEST: Fault = (400, "bad-request");
/// A page in a browser asked to act.
pub(super) const BROWSER: Fault = (403, "browser");
/// There is no such app, or none of its tasks is called so.
pub(super) const NOT_FOUND: Fault = (404, "not-found");
/// The body is announced as something else.
pub(super) const MEDIA_TYPE: Fault = (415, "media-type");
/// What storage can say to whoever reads.
pub(super) const READING: [Fault; 2] = [(500, "internal"), (503, "overloaded")];
/// And to whoever writes.
pub(super) const WRITING: [Fault; 3] = [(500, "internal"), (503, "overloaded"), (507, "disk-full")];

/// Makes the schema of a type, and remembers those that it refers to.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What a call carries.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Carried {
    /// No body.
    Nothing,
    /// Any JSON, which is not looked at: that it is announced as JSON is what keeps pages in browsers out.
    Anything,
    /// JSON of this schema.
    Json(SchemaOf),
}

/// What a call that was right is answered with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// JSON of this schema.
    Json(SchemaOf),
    /// The same with an `ETag`, or 304 to who has it.
    Tagged(SchemaOf),
    /// Server-sent events of this schema, as they happen.
    Events(SchemaOf),
    /// Text of one of these media types, written as it is found.
    Stream(&'static [&'static str]),
}

/// A parameter of the path or the query.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it is a part of the path; else of the query.
    pub(crate) in_path: bool,
    /// Whether it may be left out.
    pub(crate) required: bool,
    /// What it means.
    pub(crate) description: &'static str,
    /// What it may be.
    pub(crate) schema: Value,
}

/// One operation.
pub(crate) struct Endpoint {
    /// GET or POST.
    pub(crate) method: Method,
    /// Its path, with `{…}` in the place of what varies.
    pub(crate) path: &'static str,
    /// Its name, which generated clients call their function by.
    pub(crate) id: &'static str,
    /// What it does.
    pub(crate) summary: &'static str,
    /// Who may call it, where operators are asked who they are.
    pub(crate) role: Role,
    /// What it is asked with.
    pub(crate) parameters: Vec<Parameter>,
    /// What it is sent.
    pub(crate) carried: Carried,
    /// What it answers.
    pub(crate) reply: Reply,
    /// How it refuses, but for 405 of a wrong method.
    pub(crate) faults: Vec<Fault>,
    /// What answers.
    pub(crate) route: MethodRouter<Arc<State>>,
}

impl Endpoint {
    /// A call that reads.
    pub(super) fn get<R: JsonSchema, T: 'static>(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: impl Handler<T, Arc<State>>,
    ) -> Self {
        Self {
            method: Method::GET,
            path,
            id,
            summary,
            role: Role::Read,
            parameters: Vec::new(),
            carried: Carried::Nothing,
            reply: Reply::Json(|schemas| schemas.subschema_for::<R>()),
            faults: Vec::new(),
            route: any(handler),
        }
    }

    /// A call that acts; administrators' unless it says otherwise.
    pub(super) fn post<R: JsonSchema, T: 'static>(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: impl Handler<T, Arc<State>>,
    ) -> Self {
        Self {
            method: Method::POST,
            role: Role::Admin,
            carried: Carried::Anything,
            faults: vec![BROWSER, MEDIA_TYPE],
            ..Self::get::<R, T>(path, id, summary, handler)
        }
    }

    /// A call that reads, and goes on telling.
    pub(super) fn events<E: JsonSchema, T: 'static>(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: impl Handler<T, Arc<State>>,
    ) -> Self {
        Self {
            reply: Reply::Events(|schemas| schemas.subschema_for::<E>()),
            ..Self::get::<(), T>(path, id, summary, handler)
        }
    }

    /// A call that reads, and goes on writing: what it answers has one of these media types.
    pub(super) fn stream<T: 'static>(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        media: &'static [&'static str],
        handler: impl Handler<T, Arc<State>>,
    ) -> Self {
        Self {
            reply: Reply::Stream(media),
            ..Self::get::<(), T>(path, id, summary, handler)
        }
    }

    /// Like `get`; the answer has an `ETag`.
    pub(super) fn get_tagged<R: JsonSchema, T: 'static>(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        handler: impl Handler<T, Arc<State>>,
    ) -> Self {
        Self {
            reply: Reply::Tagged(|schemas| schemas.subschema_for::<R>()),
            ..Self::get::<R, T>(path, id, summary, handler)
        }
    }

    /// For those who may do this, too.
    pub(super) fn for_role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// With a body of this type.
    pub(super) fn carrying<B: JsonSchema>(mut self) -> Self {
        self.carried = Carried::Json(|schemas| schemas.subschema_for::<B>());
        self
    }

    /// With these parameters, too.
    pub(super) fn with<const N: usize>(mut self, parameters: [Parameter; N]) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// With these problems, too.
    pub(super) fn refusing(mut self, faults: &[Fault]) -> Self {
        self.faults.extend_from_slice(faults);
        self
    }
}

impl Parameter {
    /// A parameter of the query that may be left out.
    pub(super) const fn query(
        name: &'static str,
        description: &'static str,
        schema: Value,
    ) -> Self {
        Self {
            name,
            in_path: false,
            required: false,
            description,
            schema,
        }
    }

    /// The same, which may not.
    pub(super) fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    /// The app in the path.
    pub(super) fn app() -> Self {
        Self {
            in_path: true,
            ..Self::query("app", "The SDKAppID.", sdkappid()).required()
        }
    }

    /// The task in the path.
    pub(super) fn task() -> Self {
        let schema = json!({ "type": "string", "minLength": 1 });
        Self {
            in_path: true,
            ..Self::query("id", "The TaskId.", schema).required()
        }
    }

    /// Where a page of a list begins.
    pub(super) fn before() -> Self {
        let schema = json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX });
        let what = "Only what is before this place: `next` of the page before.";
        Self::query("before", what, schema)
    }

    /// How long a page of a list is.
    pub(super) fn limit() -> Self {
        let schema =
            json!({ "type": "integer", "minimum": 1, "maximum": ROWS_MAX, "default": ROWS });
        Self::query("limit", "At most so many.", schema)
    }
}

/// What an SDKAppID may be.
pub(super) fn sdkappid() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
}

/// The varying parts of the path. What is not UTF-8 when it is decoded names nothing.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<State>> for Named<T> {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Self::Rejection> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(named)) => Ok(Self(named)),
            Err(_) => Err(not_found("the path is not UTF-8").into_response()),
        }
    }
}
