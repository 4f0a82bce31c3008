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
endif()
