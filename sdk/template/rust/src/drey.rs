// src/drey.rs: the ABI of drey 1.0 (drey/drey.h) as far as a plugin wants it, without any crate.
// Everything in the host's table is a pointer, so what is not used here is only counted; add a
// type where you need one. The layout is checked below, when this is compiled.
#![allow(dead_code)]

use std::ffi::{c_char, c_void, CStr, CString};
use std::mem::{offset_of, size_of};

pub const ABI_MAJOR: u16 = 1;
pub const ABI_MINOR: u16 = 0;

pub const GUILD: u32 = 1;
pub const DM: u32 = 2;
pub const ANYWHERE: u32 = 3;
pub const CONTENT: u32 = 4;

const INFO: u32 = 2;
const ERROR: u32 = 4;
const REPLY: u32 = 1;
const EPHEMERAL: u32 = 2;

pub type EventFn = extern "C" fn(ctx: &Ctx, ev: &Event);
pub type StepFn = extern "C" fn(ctx: &Ctx) -> i32;
type Unused = *const c_void;

/// A place in a JSON text; it is gone when the callback returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Json {
    opaque: [u64; 2],
}

#[repr(C)]
pub struct Host {
    size: u32,
    abi_major: u16,
    abi_minor: u16,
    on: unsafe extern "C" fn(*const Ctx, *const c_char, u32, EventFn) -> i32,
    on_timer: Unused,
    on_post: Unused,
    log: unsafe extern "C" fn(*const Ctx, u32, *const c_char, ...),
    config: unsafe extern "C" fn(*const Ctx, *const c_char) -> *const c_char,
    timer: Unused,
    timer_stop: Unused,
    post: Unused,
    save: Unused,
    json_kind: Unused,
    json_get: Unused,
    json_str: unsafe extern "C" fn(*const Ctx, Json, *const c_char) -> *const c_char,
    json_int: unsafe extern "C" fn(*const Ctx, Json, *const c_char) -> i64,
    json_number: Unused,
    json_id: unsafe extern "C" fn(*const Ctx, Json, *const c_char) -> u64,
    json_bool: Unused,
    json_first: Unused,
    json_next: Unused,
    json_key: Unused,
    write: unsafe extern "C" fn(*const Ctx, *const c_char, ...) -> *const c_char,
    now_ms: Unused,
    extension: Unused,
    on_rest: Unused,
    rest: Unused,
    rest_cancel: Unused,
    send: Unused,
    on_members: Unused,
    gateway: Unused,
    command: unsafe extern "C" fn(*const Ctx, *const c_char, *const c_void, EventFn) -> i32,
    on_interaction: Unused,
    answer: unsafe extern "C" fn(*const Ctx, *const Answer) -> i64,
    option: unsafe extern "C" fn(*const Ctx, Json, *const c_char) -> Json,
}

/// One instance of the plugin: it serves one bot.
#[repr(C)]
pub struct Ctx {
    size: u32,
    pub generation: u32,
    host: *const Host,
    bot: *const c_char,
    pub user: *mut c_void,
}

/// One event. Borrowed for the call; an id that it does not carry is 0.
#[repr(C)]
pub struct Event {
    size: u32,
    pub event: u32,
    ctx: *const Ctx,
    name: *const c_char,
    pub seq: u64,
    pub received_ms: u64,
    pub offset: u64,
    pub shard: u32,
    pub attempt: u32,
    pub id: u64,
    pub guild_id: u64,
    pub channel_id: u64,
    pub user_id: u64,
    pub d: Json,
    raw: *const c_char,
    raw_size: u64,
    pub gap_reason: u32,
    reserved: u32,
    pub gap_from: u64,
    pub gap_to: u64,
}

#[repr(C)]
struct Answer {
    size: u32,
    kind: u32,
    interaction: u64,
    message_id: u64,
    json: *const c_char,
    flags: u32,
    file_count: u32,
    files: *const c_void,
    name: *const c_char,
    cookie: u64,
}

#[repr(C)]
pub struct Plugin {
    pub size: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    pub id: *const c_char,
    pub version: *const c_char,
    pub init: Option<StepFn>,
    pub start: Option<StepFn>,
    pub stop: Option<extern "C" fn(ctx: &Ctx)>,
    pub save: Option<StepFn>,
    pub restore: Option<extern "C" fn(ctx: &Ctx, state: *const c_void) -> i32>,
}
unsafe impl Sync for Plugin {} // what it points at never changes

#[repr(C, align(4))]
pub struct Note {
    pub name_size: u32,
    pub desc_size: u32,
    pub kind: u32,
    pub name: [u8; 8],
    pub size: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    pub id: [u8; 64],
    pub version: [u8; 32],
}

const _: () = {
    assert!(offset_of!(Host, log) == 8 + 3 * 8);
    assert!(offset_of!(Host, json_str) == 8 + 11 * 8);
    assert!(offset_of!(Host, write) == 8 + 19 * 8);
    assert!(offset_of!(Host, command) == 8 + 28 * 8);
    assert!(offset_of!(Host, answer) == 8 + 30 * 8);
    assert!(size_of::<Host>() == 8 + 32 * 8);
    assert!(size_of::<Ctx>() == 32);
    assert!(offset_of!(Event, id) == 56 && offset_of!(Event, d) == 88);
    assert!(size_of::<Event>() == 144);
    assert!(size_of::<Answer>() == 64);
    assert!(size_of::<Plugin>() == 64);
    assert!(size_of::<Note>() == 124);
};

/// Text for C: what follows a NUL is left out.
fn c_text(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or("")).unwrap_or_default()
}

/// Text of the host's, "" when there is none; malformed UTF-8 does not come.
unsafe fn rust_text<'a>(text: *const c_char) -> &'a str {
    if text.is_null() {
        return "";
    }
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("")
}

impl Ctx {
    fn host(&self) -> &Host {
        unsafe { &*self.host }
    }

    /// The bot's name in the configuration.
    pub fn bot(&self) -> &str {
        unsafe { rust_text(self.bot) }
    }

    /// Declares a slash command: Discord's command object, in which ' stands for ". Only in init.
    pub fn command(&self, json: &CStr, handler: EventFn) -> i32 {
        unsafe { (self.host().command)(self, json.as_ptr(), std::ptr::null(), handler) }
    }

    /// Calls the handler for every event of this name. Only in init.
    pub fn on(&self, event: &CStr, flags: u32, handler: EventFn) -> i32 {
        unsafe { (self.host().on)(self, event.as_ptr(), flags, handler) }
    }

    pub fn info(&self, text: &str) {
        unsafe { (self.host().log)(self, INFO, c"%s".as_ptr(), c_text(text).as_ptr()) }
    }

    pub fn error(&self, text: &str) {
        unsafe { (self.host().log)(self, ERROR, c"%s".as_ptr(), c_text(text).as_ptr()) }
    }

    /// A key of the plugin's section in the configuration.
    pub fn config(&self, key: &CStr) -> Option<&str> {
        let value = unsafe { (self.host().config)(self, key.as_ptr()) };
        (!value.is_null()).then(|| unsafe { rust_text(value) })
    }
}

impl Event {
    fn ctx(&self) -> &Ctx {
        unsafe { &*self.ctx }
    }

    pub fn name(&self) -> &str {
        unsafe { rust_text(self.name) }
    }

    /// The event's text at a path such as c"author.username"; "" when it is not a string.
    pub fn text(&self, path: &CStr) -> &str {
        unsafe { rust_text((self.ctx().host().json_str)(self.ctx, self.d, path.as_ptr())) }
    }

    /// The text of an option of the command; "" when it was left out.
    pub fn option_text(&self, name: &CStr) -> &str {
        let host = self.ctx().host();
        unsafe {
            let value = (host.option)(self.ctx, self.d, name.as_ptr());
            rust_text((host.json_str)(self.ctx, value, c"".as_ptr()))
        }
    }

    pub fn option_int(&self, name: &CStr) -> i64 {
        let host = self.ctx().host();
        unsafe {
            let value = (host.option)(self.ctx, self.d, name.as_ptr());
            (host.json_int)(self.ctx, value, c"".as_ptr())
        }
    }

    fn answer(&self, format: &CStr, text: &str) -> i64 {
        let host = self.ctx().host();
        unsafe {
            let json = (host.write)(self.ctx, format.as_ptr(), c_text(text).as_ptr());
            let answer = Answer {
                size: size_of::<Answer>() as u32,
                kind: REPLY,
                interaction: self.id,
                message_id: 0,
                json,
                flags: 0,
                file_count: 0,
                files: std::ptr::null(),
                name: std::ptr::null(),
                cookie: 0,
            };
            (host.answer)(self.ctx, &answer)
        }
    }

    /// Answers the command; everybody in the channel sees it.
    pub fn reply(&self, text: &str) -> i64 {
        self.answer(c"{'content': %s}", text)
    }

    /// Answers the command; the user alone sees it.
    pub fn whisper(&self, text: &str) -> i64 {
        self.answer(c"{'content': %s, 'flags': 64}", text)
    }
}

/// A text as an array of bytes, filled up with NULs.
pub const fn padded<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    let mut out = [0; N];
    let mut i = 0;
    assert!(bytes.len() < N, "the plugin's id or version is too long");
    while i < bytes.len() {
        out[i] = bytes[i];
        i += 1;
    }
    out
}

/// At the end of the source: the one exported symbol, and the same as a note that can be read
/// without running anything.
#[macro_export]
macro_rules! drey_plugin {
    ($id:literal, $version:literal, $init:expr) => {
        #[used]
        #[link_section = ".note.drey"]
        static DREY_NOTE_V1: $crate::drey::Note = $crate::drey::Note {
            name_size: 5,
            desc_size: 104,
            kind: 1,
            name: *b"drey\0\0\0\0",
            size: 104,
            abi_major: $crate::drey::ABI_MAJOR,
            abi_minor: $crate::drey::ABI_MINOR,
            id: $crate::drey::padded($id),
            version: $crate::drey::padded($version),
        };

        #[no_mangle]
        #[allow(non_upper_case_globals)]
        pub static drey_plugin_v1: $crate::drey::Plugin = $crate::drey::Plugin {
            size: std::mem::size_of::<$crate::drey::Plugin>() as u32,
            abi_major: $crate::drey::ABI_MAJOR,
            abi_minor: $crate::drey::ABI_MINOR,
            id: concat!($id, "\0").as_ptr().cast(),
            version: concat!($version, "\0").as_ptr().cast(),
            init: Some($init),
            start: None,
            stop: None,
            save: None,
            restore: None,
        };
    };
}
pub use drey_plugin as plugin;
