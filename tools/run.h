#pragma once

#include "pipeline/projector.h"

namespace rebuild_projection {

/// The whole program: command line, rebuild, summary. The projectors of `registry` are there beside those of the
/// projection files, so a program with projectors of its own is:
///
///     int main(int argc, char** argv) {
///       rebuild_projection::ProjectorRegistry registry;
///       registry.add(std::make_unique<MyProjector>());
///       return rebuild_projection::run(argc, argv, registry);
///     }
///
/// Called once, from main, before any thread exists (it blocks signals). Returns the exit code; throws nothing.
int run(int argc, char** argv, const ProjectorRegistry& registry);

}  // namespace rebuild_projection
