//! Times as `metav1.Time` writes them: seconds, in UTC.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::Value;

pub(super) fn written(time: Timestamp) -> Value {
    let time = Offset::UTC.to_datetime(time);
    Value::String(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

pub(super) fn read(time: &Value) -> Option<Timestamp> {
    time.as_str()?.parse().ok()
}
