// src/lib.rs: @NAME@: answers /@COMMAND@.
mod drey;

use drey::{Ctx, Event};

extern "C" fn on_command(ctx: &Ctx, ev: &Event) {
    let text = format!("Hello, <@{}>!", ev.user_id);
    ctx.info(&format!("{} was greeted", ev.user_id));
    ev.reply(&text);
}

extern "C" fn init(ctx: &Ctx) -> i32 {
    ctx.command(c"{'name': '@COMMAND@', 'description': 'Says hello'}", on_command)
}

drey::plugin!("@NAME@", "0.1.0", init);
