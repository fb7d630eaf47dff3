//! [`Event`] → JSON in one canonical form: lists under `values`, times as RFC 3339, ids without hyphens.

use serde_json::{Value, json};

use super::model::*;

impl Event {
    /// The event as a JSON event payload. Reading it again gives an equal event.
    pub fn to_value(&self) -> Value {
        let mut map = self.other.clone();
        let mut put = Put(&mut map);
        if !self.event_id.is_nil() {
            put.value("event_id", self.event_id.to_string());
        }
        put.optional("timestamp", self.timestamp.map(|t| t.to_string()));
        put.value("level", self.level.name());
        put.value("platform", self.platform.as_str());
        put.optional("message", self.message.as_deref());
        put.optional("logentry", self.logentry.as_ref().map(logentry));
        put.values("exception", &self.exceptions, exception);
        put.values("threads", &self.threads, thread);
        put.values("breadcrumbs", &self.breadcrumbs, breadcrumb);
        if !self.tags.is_empty() {
            put.value("tags", json!(self.tags));
        }
        put.object("contexts", &self.contexts);
        put.object("extra", &self.extra);
        put.optional("user", self.user.as_ref().map(user));
        put.optional("request", self.request.clone());
        put.optional("transaction", self.transaction.as_deref());
        put.optional("release", self.release.as_deref());
        put.optional("environment", self.environment.as_deref());
        put.optional("dist", self.dist.as_deref());
        put.optional("server_name", self.server_name.as_deref());
        put.optional("logger", self.logger.as_deref());
        if !self.fingerprint.is_empty() {
            put.value("fingerprint", self.fingerprint.clone());
        }
        put.optional("sdk", self.sdk.clone());
        self.put_images(&mut map);
        self.put_flaws(&mut map);
        Value::Object(map)
    }

    /// The event as JSON text.
    pub fn to_json(&self) -> Vec<u8> {
        // A Value always serializes: its keys are texts and its numbers are finite.
        serde_json::to_vec(&self.to_value()).unwrap_or_default()
    }

    fn put_images(&self, map: &mut Object) {
        if self.images.is_empty() {
            return;
        }
        let images: Vec<Value> = self.images.iter().map(image).collect();
        let meta = map
            .entry("debug_meta")
            .or_insert_with(|| Object::new().into());
        if let Value::Object(meta) = meta {
            meta.insert("images".into(), images.into());
        }
    }

    fn put_flaws(&self, map: &mut Object) {
        if self.flaws.is_empty() {
            return;
        }
        let flaws: Vec<Value> = self.flaws.iter().map(flaw).collect();
        let contexts = map
            .entry("contexts")
            .or_insert_with(|| Object::new().into());
        if let Value::Object(contexts) = contexts {
            let own = contexts
                .entry("crashvault")
                .or_insert_with(|| Object::new().into());
            if let Value::Object(own) = own {
                own.insert("flaws".into(), flaws.into());
            }
        }
    }
}

struct Put<'m>(&'m mut Object);

impl Put<'_> {
    fn value(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.into(), value.into());
    }

    fn optional(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.value(key, value);
        }
    }

    fn object(&mut self, key: &str, map: &Object) {
        if !map.is_empty() {
            self.value(key, map.clone());
        }
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.value(key, texts.to_vec());
        }
    }

    fn values<T>(&mut self, key: &str, items: &[T], write: impl Fn(&T) -> Value) {
        if !items.is_empty() {
            self.value(
                key,
                json!({"values": items.iter().map(write).collect::<Vec<_>>()}),
            );
        }
    }
}

fn object(other: &Object, fill: impl FnOnce(&mut Put<'_>)) -> Value {
    let mut map = other.clone();
    fill(&mut Put(&mut map));
    Value::Object(map)
}

fn logentry(entry: &LogEntry) -> Value {
    object(&entry.other, |put| {
        put.optional("message", entry.message.as_deref());
        put.optional("formatted", entry.formatted.as_deref());
        put.optional("params", entry.params.clone());
    })
}

fn exception(exception: &Exception) -> Value {
    object(&exception.other, |put| {
        put.optional("type", exception.ty.as_deref());
        put.optional("value", exception.value.as_deref());
        put.optional("module", exception.module.as_deref());
        put.optional("thread_id", exception.thread_id.as_deref());
        put.optional("mechanism", exception.mechanism.as_ref().map(mechanism));
        put.optional("stacktrace", exception.stacktrace.as_ref().map(stacktrace));
    })
}

fn mechanism(mechanism: &Mechanism) -> Value {
    object(&mechanism.other, |put| {
        put.optional("type", mechanism.ty.as_deref());
        put.optional("handled", mechanism.handled);
    })
}

fn stacktrace(trace: &Stacktrace) -> Value {
    object(&trace.other, |put| {
        put.value("frames", trace.frames.iter().map(frame).collect::<Vec<_>>());
    })
}

fn frame(frame: &Frame) -> Value {
    object(&frame.other, |put| {
        put.optional("function", frame.function.as_deref());
        put.optional("module", frame.module.as_deref());
        put.optional("filename", frame.filename.as_deref());
        put.optional("abs_path", frame.abs_path.as_deref());
        put.optional("lineno", frame.lineno);
        put.optional("colno", frame.colno);
        put.optional("context_line", frame.context_line.as_deref());
        put.texts("pre_context", &frame.pre_context);
        put.texts("post_context", &frame.post_context);
        put.optional("in_app", frame.in_app);
        put.optional("package", frame.package.as_deref());
        put.optional("instruction_addr", frame.instruction_addr.map(hex));
    })
}

fn thread(thread: &Thread) -> Value {
    object(&thread.other, |put| {
        put.optional("id", thread.id.as_deref());
        put.optional("name", thread.name.as_deref());
        put.optional("current", thread.current);
        put.optional("crashed", thread.crashed);
        put.optional("stacktrace", thread.stacktrace.as_ref().map(stacktrace));
    })
}

fn breadcrumb(crumb: &Breadcrumb) -> Value {
    object(&crumb.other, |put| {
        put.optional("timestamp", crumb.timestamp.map(|t| t.to_string()));
        put.optional("type", crumb.ty.as_deref());
        put.optional("category", crumb.category.as_deref());
        put.optional("level", crumb.level.map(Level::name));
        put.optional("message", crumb.message.as_deref());
        put.object("data", &crumb.data);
    })
}

fn user(user: &User) -> Value {
    object(&user.other, |put| {
        put.optional("id", user.id.as_deref());
        put.optional("email", user.email.as_deref());
        put.optional("username", user.username.as_deref());
        put.optional("ip_address", user.ip_address.as_deref());
    })
}

fn image(image: &Image) -> Value {
    object(&image.other, |put| {
        put.optional("type", image.ty.as_deref());
        put.optional("code_file", image.code_file.as_deref());
        put.optional("code_id", image.code_id.as_deref());
        put.optional("image_addr", image.image_addr.map(hex));
        put.optional("image_size", image.image_size);
    })
}

fn flaw(flaw: &Flaw) -> Value {
    object(&Object::new(), |put| {
        put.value("field", flaw.field.as_str());
        put.value("reason", flaw.reason.as_str());
        put.optional("value", flaw.value.clone());
    })
}

fn hex(address: u64) -> String {
    format!("{address:#x}")
}
