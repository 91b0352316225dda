# Runs in cpack, on what was installed for the packages and before they are closed: what Debian asks of a package and of nothing else.
# Without them cpack would make a package that depends on nothing.
find_program(dpkg_shlibdeps dpkg-shlibdeps)
find_program(file file)
if(NOT dpkg_shlibdeps OR NOT file)
  message(FATAL_ERROR "packages need dpkg-shlibdeps and file, which say what the program depends on: apt-get install dpkg-dev file")
endif()

file(GLOB_RECURSE pages ${CPACK_TEMPORARY_DIRECTORY}/rebuild_projection.1)
file(GLOB_RECURSE copyrights ${CPACK_TEMPORARY_DIRECTORY}/copyright)
file(GLOB_RECURSE archives ${CPACK_TEMPORARY_DIRECTORY}/*.a)

# SOURCE_DATE_EPOCH, where it is set, is the time that TIMESTAMP takes.
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
foreach(copyright ${copyrights})
  get_filename_component(folder ${copyright} DIRECTORY)
  get_filename_component(package ${folder} NAME)
  file(WRITE ${folder}/changelog "${package} (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * Version ${CPACK_PACKAGE_VERSION}.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")
  file(CHMOD ${folder}/changelog PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  list(APPEND pages ${folder}/changelog)
endforeach()
foreach(page ${pages})
  execute_process(COMMAND gzip -9n ${page} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
# Whatever the umask is.
execute_process(COMMAND find ${CPACK_TEMPORARY_DIRECTORY} -type d -exec chmod 755 {} + COMMAND_ERROR_IS_FATAL ANY)

# CPACK_STRIP_FILES leaves static libraries as they are: 130 MB instead of 5.
foreach(archive ${archives})
  execute_process(COMMAND strip --strip-debug --enable-deterministic-archives ${archive} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
