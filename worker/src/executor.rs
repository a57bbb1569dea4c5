//! actix behind one function: a fixed number of executor threads, one per lane, apart from the async runtime.
//!
//! The threads belong to a `SyncArbiter` of a `System` on a thread of its own. Its queue has no bound and nothing can
//! be taken out of it, so the agent never hands out more tasks than there are lanes. A panic is caught here and tells
//! only of its task; actix then replaces the executor of that lane by a fresh one.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

use actix::{Actor, ActorContext, Addr, Handler, Message, SyncArbiter, SyncContext, System};

use crate::compute::Compute;
use crate::lane::{self, LaneNotice, Notify, Order};

/// Why there is no executor.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The operating system gives no thread.
    #[error("no thread for the executor: {0}")]
    Thread(#[from] std::io::Error),
    /// The thread ended before it was ready.
    #[error("the executor did not start")]
    Gone,
}

/// Runs orders, as many at a time as there are lanes.
#[derive(Clone)]
pub struct Executor {
    lanes: Addr<Lane>,
}

impl Executor {
    /// Starts `lanes` threads. What they have to tell goes to `notify`.
    ///
    /// # Errors
    /// See [`ExecutorError`].
    pub fn start(lanes: u16, compute: Arc<Compute>, notify: Notify) -> Result<Self, ExecutorError> {
        let (ready, started) = mpsc::channel();
        std::thread::Builder::new().name("actix".to_owned()).spawn(move || {
            let system = System::new();
            let lanes = system.block_on(async move {
                SyncArbiter::start(usize::from(lanes), move || Lane {
                    compute: Arc::clone(&compute),
                    notify: Arc::clone(&notify),
                })
            });
            if ready.send(lanes).is_ok()
                && let Err(error) = system.run()
            {
                tracing::error!(%error, "the executor's system ended");
            }
        })?;
        let lanes = started.recv().map_err(|_| ExecutorError::Gone)?;
        Ok(Self { lanes })
    }

    /// Gives an order to a lane. The caller knows that one is free.
    pub fn run(&self, order: Order) {
        self.lanes.do_send(Execute(order));
    }
}

struct Execute(Order);

impl Message for Execute {
    type Result = ();
}

/// The executor of one lane.
struct Lane {
    compute: Arc<Compute>,
    notify: Notify,
}

impl Actor for Lane {
    type Context = SyncContext<Self>;
}

impl Handler<Execute> for Lane {
    type Result = ();

    fn handle(&mut self, Execute(order): Execute, context: &mut Self::Context) {
        let lease = order.lease;
        let worked = catch_unwind(AssertUnwindSafe(|| lane::work(&order, &self.compute, &self.notify)));
        let end = worked.unwrap_or_else(|panic| {
            // Replaces this executor by a fresh one.
            context.stop();
            lane::panicked(&order, message(&*panic))
        });
        // What the task used is given back before the agent hears of it.
        drop(order);
        (self.notify)(LaneNotice::Freed(lease, end));
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}
