// build.zig: @NAME@.so. Written for Zig 0.14.
// Where drey is not installed: zig build -Dinclude=DREYS_SOURCE/sdk/include
const std = @import("std");

pub fn build(b: *std.Build) void {
    const module = b.createModule(.{
        .root_source_file = b.path("src/plugin.zig"),
        .target = b.standardTargetOptions(.{}),
        .optimize = b.standardOptimizeOption(.{}),
        .link_libc = true,
    });
    if (b.option([]const u8, "include", "the folder that holds drey/drey.h")) |include| {
        module.addIncludePath(.{ .cwd_relative = include });
    }
    const library = b.addLibrary(.{ .linkage = .dynamic, .name = "drey_@IDENT@", .root_module = module });
    b.installArtifact(library);
}
