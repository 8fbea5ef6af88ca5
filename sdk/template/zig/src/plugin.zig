// src/plugin.zig: @NAME@: answers /@COMMAND@.
const std = @import("std");
const c = @cImport(@cInclude("drey/drey.h"));

fn onCommand(ctx: ?*c.drey_ctx, ev: ?*const c.drey_event) callconv(.C) void {
    const host = ctx.?.host.?;
    const json = host.*.write.?(ctx, "{'content': 'Hello, <@%llu>!'}", @as(c_ulonglong, ev.?.user_id));
    const answer = c.drey_answer{
        .size = @sizeOf(c.drey_answer),
        .kind = c.DREY_REPLY,
        .interaction = ev.?.id,
        .json = json,
    };
    _ = host.*.answer.?(ctx, &answer);
}

fn init(ctx: ?*c.drey_ctx) callconv(.C) i32 {
    return ctx.?.host.?.*.command.?(ctx, "{'name': '@COMMAND@', 'description': 'Says hello'}", null, onCommand);
}

// What DREY_PLUGIN() makes in C: the one symbol, and the same as a note.
export const drey_plugin_v1: c.drey_plugin = .{
    .size = @sizeOf(c.drey_plugin),
    .abi_major = c.DREY_ABI_MAJOR,
    .abi_minor = c.DREY_ABI_MINOR,
    .id = "@NAME@",
    .version = "0.1.0",
    .init = init,
};

fn padded(comptime size: usize, comptime text: []const u8) [size]u8 {
    var out = [_]u8{0} ** size;
    @memcpy(out[0..text.len], text);
    return out;
}

export const drey_note_v1: c.drey_note linksection(".note.drey") = .{
    .name_size = 5,
    .desc_size = 104,
    .type = 1,
    .name = padded(8, "drey"),
    .size = 104,
    .abi_major = c.DREY_ABI_MAJOR,
    .abi_minor = c.DREY_ABI_MINOR,
    .id = padded(64, "@NAME@"),
    .version = padded(32, "0.1.0"),
};
