//! `GET /v1/openapi.json`: the operator's API as an OpenAPI 3.1 document, made from the endpoints and the types of their
//! bodies and replies. `pushtally openapi` prints the same.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::endpoint::{BAD_REQUEST, Carried, EVENT_STREAM, Endpoint, Fault, Parameter, Reply};
use super::endpoints;
use crate::problem::Document;
use crate::reply::json as json_reply;

/// Where the document's schemas are.
const SCHEMAS: &str = "/components/schemas";

/// An OpenAPI document. What it may hold is not repeated in it.
#[derive(JsonSchema)]
#[schemars(extend("required" = ["openapi", "info", "paths"]))]
struct OpenApi {}

pub(super) fn endpoint() -> Endpoint {
    Endpoint::get::<OpenApi, _>("/v1/openapi.json", "openapi", "This document.", handle)
}

async fn handle() -> Response {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into_bytes().into());
    json_reply(StatusCode::OK, DOCUMENT.clone())
}

/// The operator's API as an OpenAPI 3.1 document.
#[must_use]
pub fn document() -> Value {
    let settings = || SchemaSettings::draft2020_12().with(|s| s.definitions_path = SCHEMAS.into());
    let mut replies = settings().for_serialize().into_generator();
    let mut bodies = settings().for_deserialize().into_generator();
    let problem = replies.subschema_for::<Document<'static>>();
    let mut paths = Map::new();
    for endpoint in endpoints() {
        let method = endpoint.method.as_str().to_ascii_lowercase();
        let operation = operation(&endpoint, &problem, &mut replies, &mut bodies);
        if let Value::Object(path) = paths.entry(endpoint.path).or_insert_with(|| json!({})) {
            path.insert(method, operation);
        }
    }
    let mut schemas = replies.take_definitions(true);
    schemas.extend(bodies.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pushtally, the operator's API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Where operators have tokens each call needs one, as `Authorization: Bearer TOKEN`, of the role that it \
                names. Answers are JSON with real statuses, refusals problems (RFC 9457). Parameters that are not \
                named here are refused with 400, other methods with 405 and `Allow`. Moments are Unix seconds.",
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        // Where no operator has a token none is asked for.
        "security": [{}, { "operator": [] }],
        "components": {
            "schemas": schemas,
            "securitySchemes": { "operator": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(
    endpoint: &Endpoint,
    problem: &Schema,
    replies: &mut SchemaGenerator,
    bodies: &mut SchemaGenerator,
) -> Value {
    let mut refused = endpoint.faults.clone();
    refused.extend([BAD_REQUEST, (401, "unauthorized"), (403, "role")]);
    let mut responses = faults(&refused, problem);
    responses.insert("200".to_owned(), done(endpoint, replies));
    let mut parameters: Vec<_> = endpoint.parameters.iter().map(parameter).collect();
    if let Reply::Tagged(_) = endpoint.reply {
        let what = "What `If-None-Match` names is still so.";
        let unchanged = json!({ "description": what, "headers": tag() });
        responses.insert("304".to_owned(), unchanged);
        parameters.push(json!({
            "name": "If-None-Match",
            "in": "header",
            "required": false,
            "description": "An `ETag` of an answer that the caller has.",
            "schema": { "type": "string" },
        }));
    }
    let mut operation = json!({
        "operationId": endpoint.id,
        "summary": endpoint.summary,
        "description": format!("For the role `{}`.", endpoint.role.name()),
        "parameters": parameters,
        "responses": responses,
    });
    let schema = match endpoint.carried {
        Carried::Nothing => return operation,
        Carried::Anything => json!({ "description": "Any JSON: it is not looked at." }),
        Carried::Json(schema) => schema(bodies).to_value(),
    };
    if let Value::Object(operation) = &mut operation {
        let content = json!({ "application/json": { "schema": schema } });
        let body = json!({ "required": true, "content": content });
        operation.insert("requestBody".to_owned(), body);
    }
    operation
}

/// The response to a call that was right.
fn done(endpoint: &Endpoint, replies: &mut SchemaGenerator) -> Value {
    let written = |schema: Value| json!({ "application/json": { "schema": schema } });
    match endpoint.reply {
        Reply::Json(schema) => {
            let content = written(schema(replies).to_value());
            json!({ "description": "Done.", "content": content })
        }
        Reply::Tagged(schema) => {
            let content = written(schema(replies).to_value());
            json!({ "description": "Done.", "headers": tag(), "content": content })
        }
        Reply::Events(schema) => {
            let content = json!({ EVENT_STREAM: { "schema": schema(replies).to_value() } });
            json!({ "description": "Events as they happen.", "content": content })
        }
        Reply::Stream(media) => {
            let text = |media: &&str| {
                (
                    (*media).to_owned(),
                    json!({ "schema": { "type": "string" } }),
                )
            };
            let content: Map<_, _> = media.iter().map(text).collect();
            json!({ "description": "As much as there is.", "content": content })
        }
    }
}

/// The header of a tagged answer.
fn tag() -> Value {
    json!({
        "ETag": {
            "description": "Changes when the answer does.",
            "required": true,
            "schema": { "type": "string" },
        },
    })
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": if parameter.in_path { "path" } else { "query" },
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
    })
}

/// A response for each status, which names the problems that it is answered with.
fn faults(faults: &[Fault], problem: &Schema) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for (status, code) in faults {
        by_status.entry(*status).or_default().push(code);
    }
    let response = |(status, codes): (u16, Vec<&str>)| {
        let types: Vec<_> = codes.iter().map(|code| crate::problem::urn(code)).collect();
        let schema = json!({
            "allOf": [problem, { "properties": { "type": { "enum": types }, "status": { "const": status } } }],
        });
        let description = format!("Refused: {}.", codes.join(", "));
        let content = json!({ "application/problem+json": { "schema": schema } });
        let response = json!({ "description": description, "content": content });
        (status.to_string(), response)
    };
    by_status.into_iter().map(response).collect()
}
