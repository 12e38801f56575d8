//! A plugin in Rust, without crates: the structs of jobhost_plugin.h written down again. Built twice, for reloads.
//!
//!     rust.run     answers "VERSION:payload"
//!     rust.panics  does so, which ends its process
use std::ffi::{c_char, c_int, c_void};

#[repr(C)]
#[derive(Clone, Copy)]
struct Bytes {
    data: *const c_void,
    len: usize,
}

/// As far as it is used: what comes later in it is reached by no offset of ours.
#[repr(C)]
struct Host {
    size: u32,
    abi_major: u16,
    abi_minor: u16,
    before_result: [*const c_void; 7], // log, cancelled, cancel_fd, sleep_ms, progress, step_get, step_put
    result: extern "C" fn(*mut Call, Bytes) -> c_int,
}

#[repr(C)]
struct Call {
    host: *const Host,
}

#[repr(C)]
struct Job {
    size: u32,
    attempt: u32,
    words: [*const c_char; 4], // id, handler, dedup_key, content_type
    payload: Bytes,
}

type Run = extern "C" fn(*mut c_void, *mut Call, *const Job) -> i32;

#[repr(C)]
struct Handler {
    name: *const u8,
    summary: *const u8,
    run: Run,
    flags: u32,
    state_version: u32,
    payload: *const c_void,
    takes: *const c_void,
}

#[repr(C)]
pub struct Plugin {
    magic: u32,
    abi_major: u16,
    abi_minor: u16,
    size: u32,
    handler_size: u32,
    name: *const u8,
    version: *const u8,
    options: *const c_void,
    handlers: *const Handler,
    handler_count: u32,
    reserved: u32,
    create: Option<extern "C" fn(*mut Call, *mut *mut c_void) -> c_int>,
    destroy: Option<extern "C" fn(*mut c_void)>,
}

// Constants that are only read.
unsafe impl Sync for Handler {}
unsafe impl Sync for Plugin {}

const VERSION: &str = env!("RUST_PLUGIN_VERSION");

fn answer(call: *mut Call, text: &[u8]) -> bool {
    let chunk = Bytes { data: text.as_ptr().cast(), len: text.len() };
    unsafe { ((*(*call).host).result)(call, chunk) == 0 }
}

extern "C" fn run(_: *mut c_void, call: *mut Call, job: *const Job) -> i32 {
    let payload = unsafe { (*job).payload };
    let text = if payload.len == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(payload.data.cast::<u8>(), payload.len) } };
    let whole = [VERSION.as_bytes(), b":", text].concat();
    if answer(call, &whole) { 0 } else { 1 }
}

extern "C" fn panics(_: *mut c_void, _: *mut Call, _: *const Job) -> i32 {
    panic!("nobody catches this");
}

const fn handler(name: &'static str, run: Run) -> Handler {
    Handler { name: name.as_ptr(), summary: std::ptr::null(), run, flags: 0, state_version: 1, payload: std::ptr::null(), takes: std::ptr::null() }
}

static HANDLERS: [Handler; 2] = [handler("rust.run\0", run), handler("rust.panics\0", panics)];

#[no_mangle]
pub static jobhost_plugin: Plugin = Plugin {
    magic: 0x314A_4842,
    abi_major: 1,
    abi_minor: 0,
    size: std::mem::size_of::<Plugin>() as u32,
    handler_size: std::mem::size_of::<Handler>() as u32,
    name: "rust\0".as_ptr(),
    version: concat!(env!("RUST_PLUGIN_VERSION"), "\0").as_ptr(),
    options: std::ptr::null(),
    handlers: HANDLERS.as_ptr(),
    handler_count: 2,
    reserved: 0,
    create: None,
    destroy: None,
};
