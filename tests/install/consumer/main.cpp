#include "note_counts.h"
#include "tools/run.h"

int main(int argc, char** argv) {
  rebuild_projection::ProjectorRegistry registry;
  registry.add(std::make_unique<NoteCounts>());
  return rebuild_projection::run(argc, argv, registry);
}
