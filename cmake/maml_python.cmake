# The Python module maml._maml. pip install . comes here through scikit-build-core, which also installs it; by hand:
# cmake -DMAML_PYTHON=ON -DPython_EXECUTABLE=VENV/bin/python, and PYTHONPATH=BUILD/python.
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module)
if(NOT nanobind_ROOT)
  execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir OUTPUT_VARIABLE nanobind_ROOT
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
find_package(nanobind CONFIG REQUIRED)

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/python/bindings/*.cpp)
nanobind_add_module(maml_python NB_STATIC ${sources})
maml_target(maml_python)
target_include_directories(maml_python PRIVATE ${PROJECT_SOURCE_DIR}/python)
target_link_libraries(maml_python PRIVATE maml)
target_compile_definitions(maml_python PRIVATE MAML_VERSION="${PROJECT_VERSION}")
get_target_property(nanobind_includes nanobind-static INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(maml_python SYSTEM PRIVATE ${nanobind_includes})  # its warnings are not ours to mend
set_target_properties(maml_python PROPERTIES OUTPUT_NAME _maml LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/python/maml)
# The package beside it, so that a build folder can be imported from as it is.
add_custom_command(TARGET maml_python POST_BUILD COMMAND ${CMAKE_COMMAND} -E copy_directory
  ${PROJECT_SOURCE_DIR}/python/maml ${PROJECT_BINARY_DIR}/python/maml)

nanobind_add_stub(maml_python_stub MODULE _maml OUTPUT ${PROJECT_BINARY_DIR}/python/maml/_maml.pyi
  PYTHON_PATH ${PROJECT_BINARY_DIR}/python/maml DEPENDS maml_python)
if(SKBUILD)
  install(TARGETS maml_python LIBRARY DESTINATION maml)
  install(FILES ${PROJECT_BINARY_DIR}/python/maml/_maml.pyi DESTINATION maml)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/presets DESTINATION maml FILES_MATCHING PATTERN "*.toml")
endif()
