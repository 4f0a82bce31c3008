# The installed package: find_package(maml) gives maml::maml. Headers that end in -inl.h are for layers of one's own.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/maml)

install(TARGETS maml EXPORT maml_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/maml/ DESTINATION include/maml
  FILES_MATCHING PATTERN "*.h" PATTERN "images" EXCLUDE)
install(EXPORT maml_targets NAMESPACE maml:: DESTINATION ${package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/maml-config.cmake.in ${PROJECT_BINARY_DIR}/maml-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/maml-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/maml-config.cmake ${PROJECT_BINARY_DIR}/maml-config-version.cmake
  ${PROJECT_SOURCE_DIR}/cmake/maml_hwy.cmake DESTINATION ${package_dir})

if(TARGET maml_cli)
  install(TARGETS maml_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  if(EXISTS ${PROJECT_SOURCE_DIR}/presets)
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/presets/ DESTINATION share/maml/presets FILES_MATCHING PATTERN "*.toml")
  endif()

  # maml_told(FILE DESTINATION WORD...): what `maml WORD...` prints, as DESTINATION/FILE. A program for another machine
  # cannot be asked.
  function(maml_told file destination)
    set(told ${PROJECT_BINARY_DIR}/told/${file})
    install(CODE "file(MAKE_DIRECTORY \"${PROJECT_BINARY_DIR}/told\")
      execute_process(COMMAND \"$<TARGET_FILE:maml_cli>\" ${ARGN} OUTPUT_FILE \"${told}\" COMMAND_ERROR_IS_FATAL ANY)")
    install(FILES ${told} DESTINATION ${destination})
  endfunction()
  if(NOT CMAKE_CROSSCOMPILING)
    maml_told(maml.1 ${CMAKE_INSTALL_MANDIR}/man1 man)
    maml_told(maml share/bash-completion/completions completion bash)
    maml_told(_maml share/zsh/site-functions completion zsh)
    maml_told(maml.fish share/fish/vendor_completions.d completion fish)
  endif()
endif()
