# What `cmake --install` puts where, and the packages that `cpack` makes of it: rebuild-projection (the program) and
# rebuild-projection-dev (the library). A library that is shared goes with the program, which needs it.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(packaging ${PROJECT_SOURCE_DIR}/tools/packaging)
set(public_headers tools/run.h stages/rebuild.h pipeline/change_set.h pipeline/changes.h pipeline/column_changes.h
  pipeline/comparison.h pipeline/decimal.h pipeline/error.h pipeline/event.h pipeline/hash.h pipeline/key.h
  pipeline/operand.h pipeline/options.h pipeline/path_look.h pipeline/pending_changes.h pipeline/progress.h pipeline/projector.h
  pipeline/publication.h pipeline/report.h pipeline/row_change.h pipeline/row_history.h pipeline/row_table.h
  pipeline/stored_value.h pipeline/table.h pipeline/timestamp.h pipeline/value.h)

# ---- the program: manual page and completion come from its table of options
add_executable(write_manual ${PROJECT_SOURCE_DIR}/tools/write_manual.cpp)
target_compile_definitions(write_manual PRIVATE REBUILD_PROJECTION_VERSION="${PROJECT_VERSION}")
target_link_libraries(write_manual PRIVATE rebuild_projection_library warnings)
set(documents ${PROJECT_BINARY_DIR}/rebuild_projection.1 ${PROJECT_BINARY_DIR}/rebuild_projection.bash)
add_custom_command(OUTPUT ${documents}
  COMMAND write_manual man > rebuild_projection.1
  COMMAND write_manual bash > rebuild_projection.bash
  WORKING_DIRECTORY ${PROJECT_BINARY_DIR} DEPENDS write_manual VERBATIM)
add_custom_target(documents ALL DEPENDS ${documents})

install(TARGETS rebuild_projection COMPONENT runtime)
install(FILES ${PROJECT_BINARY_DIR}/rebuild_projection.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT runtime)
install(FILES ${PROJECT_BINARY_DIR}/rebuild_projection.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME rebuild_projection COMPONENT runtime)
install(FILES ${PROJECT_SOURCE_DIR}/tools/roles.sql DESTINATION ${CMAKE_INSTALL_DATADIR}/rebuild_projection COMPONENT runtime)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/tools/projections ${PROJECT_SOURCE_DIR}/tools/stores
  DESTINATION ${CMAKE_INSTALL_DATADIR}/rebuild_projection COMPONENT runtime)
# Both packages of Debian have a folder of their own for what is not code; here they are also where nothing is a package.
set(documentation ${CMAKE_INSTALL_DATAROOTDIR}/doc/rebuild-projection)
install(FILES ${packaging}/copyright DESTINATION ${documentation} COMPONENT runtime)
install(FILES ${packaging}/copyright DESTINATION ${documentation}-dev COMPONENT development)
# The pages and what they link to, in their folders, so that the links lead somewhere.
file(GLOB_RECURSE pages RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS
  pipeline/*.md stages/*.md tools/*.md tests/*.md bench/*.md bench/plots/* tools/deploy/* tools/stores/* tests/install/consumer/*)
foreach(page README.md meson-notes.md ${pages})
  get_filename_component(folder ${page} DIRECTORY)
  install(FILES ${PROJECT_SOURCE_DIR}/${page} DESTINATION ${documentation}/${folder} COMPONENT runtime)
endforeach()

# ---- the library
if(BUILD_SHARED_LIBS)
  set(library_component runtime)
  set_target_properties(rebuild_projection PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
else()
  set(library_component development)
endif()
install(TARGETS rebuild_projection_library EXPORT rebuild_projection
  ARCHIVE COMPONENT development
  LIBRARY COMPONENT ${library_component} NAMELINK_COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rebuild_projection)
foreach(header ${public_headers})
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${PROJECT_SOURCE_DIR}/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rebuild_projection/${folder}
    COMPONENT development)
endforeach()

set(cmake_folder ${CMAKE_INSTALL_LIBDIR}/cmake/rebuild_projection)
install(EXPORT rebuild_projection NAMESPACE rebuild_projection:: FILE rebuild_projection-targets.cmake
  DESTINATION ${cmake_folder} COMPONENT development)
configure_package_config_file(${packaging}/rebuild_projection-config.cmake.in
  ${PROJECT_BINARY_DIR}/rebuild_projection-config.cmake INSTALL_DESTINATION ${cmake_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/rebuild_projection-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/rebuild_projection-config.cmake
  ${PROJECT_BINARY_DIR}/rebuild_projection-config-version.cmake DESTINATION ${cmake_folder} COMPONENT development)

# A static library says what it needs; a shared one has it already. Public `Requires`, since who takes Requires.private by
# `pkg-config --static` also gets what libpq itself was linked with (Kerberos, LDAP, ...).
set(PC_REQUIRES "Requires: libpqxx libpq simdjson spdlog tbb tomlplusplus gmpxx gmp")
if(BUILD_SHARED_LIBS)
  set(PC_REQUIRES "")
endif()
file(RELATIVE_PATH PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" PC_PREFIX "${PC_PREFIX}")
configure_file(${packaging}/rebuild_projection.pc.in ${PROJECT_BINARY_DIR}/rebuild_projection.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/rebuild_projection.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

# ---- packages
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "rebuild_projection's maintainers <maintainers@rebuild-projection.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_PRE_BUILD_SCRIPTS ${packaging}/debian.cmake)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME rebuild-projection)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION database)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "rebuild the read models of an event store in PostgreSQL
Replays the events of a PostgreSQL event store, oldest first, into projection
tables that small files describe, in one transaction a batch. It never writes
to the event store, and can be stopped and started again at any moment.")
# The names of the libraries' packages differ between releases of Debian: dpkg-shlibdeps knows them.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME rebuild-projection-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "rebuild the read models of an event store (development files)
What builds programs with projectors of their own: the library that
rebuild_projection is made of, its headers, a CMake package and a pkg-config
file.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "libpqxx-dev, libpq-dev, libsimdjson-dev, libspdlog-dev, libtbb-dev, libtomlplusplus-dev, libgmp-dev")
if(BUILD_SHARED_LIBS)
  set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "rebuild-projection (= ${PROJECT_VERSION})")
  set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
  file(WRITE ${PROJECT_BINARY_DIR}/triggers "activate-noawait ldconfig\n")
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/triggers)
endif()
include(CPack)
