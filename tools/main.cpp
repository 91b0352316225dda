#include "tools/run.h"

int main(int argc, char** argv) {
  return rebuild_projection::run(argc, argv, rebuild_projection::ProjectorRegistry{});
}
