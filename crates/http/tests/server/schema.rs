//! Holds a JSON value against a schema of the OpenAPI document. It knows the keywords that the document uses and panics on
//! any other, so that nothing in the document goes unchecked.
//!
//! Stricter than a schema: a member that no documented property names is an error.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Keywords that tell a reader something, and say nothing of what is valid; `format` stands beside its bounds.
const TOLD: [&str; 4] = ["title", "description", "default", "format"];

/// What is wrong with a value, a line each. `document` is what `$ref`s point into.
pub(crate) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    Checked { document }.whole("$", schema, value, &mut faults);
    faults
}

/// Every `$ref` in the document that points to nothing.
pub(crate) fn dangling(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![document];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(members) => {
                if let Some(Value::String(to)) = members.get("$ref")
                    && target(document, to).is_none()
                {
                    found.push(to.clone());
                }
                left.extend(members.values());
            }
            _ => (),
        }
    }
    found
}

fn target<'a>(document: &'a Value, to: &str) -> Option<&'a Value> {
    document.pointer(to.strip_prefix('#')?)
}

struct Checked<'a> {
    document: &'a Value,
}

impl<'a> Checked<'a> {
    fn follow(&self, to: &Value) -> &'a Value {
        let to = to.as_str().unwrap();
        target(self.document, to).unwrap_or_else(|| panic!("{to} points to nothing"))
    }

    /// A value at a place of its own, at which every member must be named by some property.
    fn whole(&self, at: &str, schema: &Value, value: &Value, faults: &mut Vec<String>) {
        self.part(at, schema, value, faults);
        let mut named = BTreeSet::new();
        self.named(schema, &mut named);
        if let Some(members) = value.as_object()
            && !named.is_empty()
        {
            let strange = members.keys().filter(|name| !named.contains(*name));
            faults.extend(strange.map(|name| format!("{at}: `{name}` is not documented")));
        }
    }

    /// Every property that a schema and its parts name.
    fn named(&self, schema: &Value, into: &mut BTreeSet<String>) {
        if let Some(to) = schema.get("$ref") {
            self.named(self.follow(to), into);
        }
        if let Some(Value::Object(properties)) = schema.get("properties") {
            into.extend(properties.keys().cloned());
        }
        for parts in ["allOf", "anyOf", "oneOf"] {
            if let Some(Value::Array(parts)) = schema.get(parts) {
                parts.iter().for_each(|part| self.named(part, into));
            }
        }
    }

    fn part(&self, at: &str, schema: &Value, value: &Value, faults: &mut Vec<String>) {
        let keywords = match schema {
            Value::Bool(true) => return,
            Value::Bool(false) => return faults.push(format!("{at}: nothing is allowed here")),
            schema => schema.as_object().unwrap(),
        };
        for (keyword, told) in keywords {
            let known = TOLD.contains(&keyword.as_str())
                || self.of_any(at, keyword, told, value, faults)
                || of_numbers_and_lengths(at, keyword, told, value, faults)
                || self.of_parts(at, keyword, told, value, faults)
                || self.of_containers(at, keyword, told, keywords, value, faults);
            assert!(known, "{at}: `{keyword}` cannot be checked: {schema}");
        }
    }

    fn of_any(
        &self,
        at: &str,
        keyword: &str,
        told: &Value,
        value: &Value,
        faults: &mut Vec<String>,
    ) -> bool {
        let holds = match keyword {
            "$ref" => {
                self.part(at, self.follow(told), value, faults);
                true
            }
            "type" => match told {
                Value::Array(types) => types.iter().any(|one| is(one, value)),
                one => is(one, value),
            },
            "enum" => told.as_array().unwrap().contains(value),
            "const" => told == value,
            _ => return false,
        };
        if !holds {
            faults.push(format!("{at}: {value} is not as `{keyword}` {told} says"));
        }
        true
    }

    fn of_parts(
        &self,
        at: &str,
        keyword: &str,
        told: &Value,
        value: &Value,
        faults: &mut Vec<String>,
    ) -> bool {
        let least_and_most = match keyword {
            "allOf" => {
                let parts = told.as_array().unwrap();
                parts
                    .iter()
                    .for_each(|part| self.part(at, part, value, faults));
                return true;
            }
            "anyOf" => 1..=usize::MAX,
            "oneOf" => 1..=1,
            _ => return false,
        };
        let fits = |part: &&Value| {
            let mut faults = Vec::new();
            self.part(at, part, value, &mut faults);
            faults.is_empty()
        };
        let fitting = told.as_array().unwrap().iter().filter(fits).count();
        if !least_and_most.contains(&fitting) {
            faults.push(format!(
                "{at}: {value} fits {fitting} of `{keyword}` {told}"
            ));
        }
        true
    }

    fn of_containers(
        &self,
        at: &str,
        keyword: &str,
        told: &Value,
        all: &Map<String, Value>,
        value: &Value,
        faults: &mut Vec<String>,
    ) -> bool {
        match (keyword, value) {
            ("items", Value::Array(items)) => {
                for (place, item) in items.iter().enumerate() {
                    self.whole(&format!("{at}[{place}]"), told, item, faults);
                }
            }
            ("properties", Value::Object(members)) => {
                for (name, schema) in told.as_object().unwrap() {
                    if let Some(member) = members.get(name) {
                        self.whole(&format!("{at}.{name}"), schema, member, faults);
                    }
                }
            }
            ("required", Value::Object(members)) => {
                let names = told.as_array().unwrap().iter();
                let missing = names.filter(|name| !members.contains_key(name.as_str().unwrap()));
                faults.extend(missing.map(|name| format!("{at}: {name} is missing")));
            }
            ("additionalProperties", Value::Object(members)) => {
                let named = all.get("properties").and_then(Value::as_object);
                for (name, member) in members {
                    if named.is_none_or(|named| !named.contains_key(name)) {
                        self.whole(&format!("{at}.{name}"), told, member, faults);
                    }
                }
            }
            ("items" | "properties" | "required" | "additionalProperties", _) => (),
            _ => return false,
        }
        true
    }
}

fn of_numbers_and_lengths(
    at: &str,
    keyword: &str,
    told: &Value,
    value: &Value,
    faults: &mut Vec<String>,
) -> bool {
    let measured = match (keyword, value) {
        ("minimum" | "maximum", Value::Number(number)) => number.as_f64(),
        ("minLength" | "maxLength", Value::String(text)) => Some(text.chars().count() as f64),
        ("minItems" | "maxItems", Value::Array(items)) => Some(items.len() as f64),
        ("minimum" | "maximum" | "minLength" | "maxLength" | "minItems" | "maxItems", _) => None,
        _ => return false,
    };
    let bound = told.as_f64().unwrap();
    let fits = |measured: f64| match keyword.starts_with("min") {
        true => measured >= bound,
        false => measured <= bound,
    };
    if !measured.is_none_or(fits) {
        faults.push(format!("{at}: {value} is outside `{keyword}` {told}"));
    }
    true
}

/// Whether a value is of a type of JSON Schema.
fn is(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type is called {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_fit_is_found() {
        let document = json!({"components": {"schemas": {"Row": {
            "type": "object",
            "required": ["at"],
            "properties": {
                "at": {"type": "integer", "minimum": 1},
                "name": {"type": ["string", "null"], "maxLength": 2},
                "rows": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}, "minItems": 1},
            },
        }}}});
        let row = json!({"$ref": "#/components/schemas/Row"});
        for (value, expected) in [
            (
                json!({"at": 1, "name": null, "rows": [{"at": 2, "name": "ab"}]}),
                None,
            ),
            (json!({"at": 0}), Some("outside `minimum`")),
            (json!({"at": "1"}), Some("`type`")),
            (json!({"at": 1, "name": "abc"}), Some("outside `maxLength`")),
            (json!({"at": 1, "rows": []}), Some("outside `minItems`")),
            (
                json!({"at": 1, "rows": [{}]}),
                Some("$.rows[0]: \"at\" is missing"),
            ),
            (
                json!({"at": 1, "more": 1}),
                Some("`more` is not documented"),
            ),
        ] {
            let found = faults(&document, &row, &value);
            match expected {
                None => assert!(found.is_empty(), "{value}: {found:?}"),
                Some(expected) => {
                    assert!(found.len() == 1 && found[0].contains(expected), "{found:?}");
                }
            }
        }
        let either = json!({"oneOf": [{"const": 1}, {"enum": [1, 2]}]});
        assert!(faults(&document, &either, &json!(2)).is_empty());
        assert_eq!(faults(&document, &either, &json!(1)).len(), 1, "fits both");
        assert_eq!(faults(&document, &json!(false), &json!(1)).len(), 1);
        assert_eq!(dangling(&document), [""; 0]);
        assert_eq!(dangling(&json!([{"$ref": "#/no"}])), ["#/no"]);
    }

    #[test]
    #[should_panic(expected = "`pattern` cannot be checked")]
    fn an_unknown_keyword_is_no_silent_success() {
        faults(&Value::Null, &json!({"pattern": "a"}), &json!("b"));
    }
}
