//! Counts what is allocated, by the allocator of the programs. Only the benchmark counts.
#![expect(unsafe_code, reason = "an allocator cannot be had without it; it only counts and passes on")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

use mimalloc::MiMalloc;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static COUNTED: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    /// Bytes that this thread allocated and did not give back, and the most of that since [`watch_peak`].
    static LIVE: Cell<(i64, i64)> = const { Cell::new((0, 0)) };
}

// SAFETY: every call is passed on to that allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as promised by the caller.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        free(layout.size());
        count(size);
        // SAFETY: as promised by the caller.
        unsafe { MiMalloc.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        free(layout.size());
        // SAFETY: as promised by the caller.
        unsafe { MiMalloc.dealloc(memory, layout) }
    }
}

fn count(bytes: usize) {
    // A thread that ends has nowhere left to count.
    let _ = COUNTED.try_with(|counted| {
        let (calls, sum) = counted.get();
        counted.set((calls + 1, sum + bytes as u64));
    });
    let _ = LIVE.try_with(|live| {
        let (now, peak) = live.get();
        let now = now + whole(bytes);
        live.set((now, peak.max(now)));
    });
}

fn free(bytes: usize) {
    let _ = LIVE.try_with(|live| {
        let (now, peak) = live.get();
        live.set((now - whole(bytes), peak));
    });
}

fn whole(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Bytes that this thread has allocated and not given back. What other threads give back is not seen: for work on one thread.
pub(crate) fn live() -> i64 {
    LIVE.get().0
}

/// Begins to look for the highest [`live`].
pub(crate) fn watch_peak() {
    LIVE.set((live(), live()));
}

/// The highest [`live`] since [`watch_peak`].
pub(crate) fn peak() -> i64 {
    LIVE.get().1
}

/// Allocations of this thread during `run`, and their bytes.
pub(crate) fn during<T>(run: impl FnOnce() -> T) -> (u64, u64) {
    let before = COUNTED.get();
    drop(run());
    let after = COUNTED.get();
    (after.0 - before.0, after.1 - before.1)
}
