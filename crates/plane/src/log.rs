//! The plane's own messages, handed to the embedder's log as events.
//!
//! The subscriber is set for the plane's threads alone, so that two planes in one process do not mix and nothing global is
//! touched. Messages below `info` are dropped here: on the request path they would cost more than they tell; so are those of
//! libraries, which warn of each client that is slow or gone.

use std::cell::RefCell;
use std::fmt::Write;
use std::sync::mpsc;

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Level};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use crate::plane::Event;

thread_local! {
    static GUARD: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

/// A subscriber that sends messages as events.
pub fn dispatch(events: mpsc::Sender<Event>) -> Dispatch {
    Dispatch::new(
        Registry::default().with(Targets::new().with_target("seaway_plane", Level::INFO)).with(ToEvents(events)),
    )
}

/// Has this thread's messages go to `dispatch` until the thread ends.
pub fn attach(dispatch: &Dispatch) {
    GUARD.set(Some(tracing::dispatcher::set_default(dispatch)));
}

struct ToEvents(mpsc::Sender<Event>);

impl<S: tracing::Subscriber> Layer<S> for ToEvents {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            _ => "info",
        };
        // Nobody reads any more when the plane is going down.
        let _ = self.0.send(Event::Log { level, message: text.message + &text.fields });
    }
}

/// The message, and what was recorded with it as ` name=value`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_events_with_their_fields() {
        let (sender, receiver) = mpsc::channel();
        tracing::dispatcher::with_default(&dispatch(sender), || {
            tracing::debug!("too small");
            tracing::warn!(target: "hyper", "a client is slow");
            tracing::warn!(slot = 3, "odd");
        });
        let events: Vec<Event> = receiver.iter().collect();
        assert_eq!(events, [Event::Log { level: "warning", message: "odd slot=3".to_owned() }]);
    }
}
