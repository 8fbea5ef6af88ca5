# drey_add_plugin(NAME SOURCES...): a plugin NAME.so from these sources.
#
# The linker writes to a temporary place; the finished file is then moved over the old one, so that
# a running drey never sees half of it. It lands in DREY_PLUGIN_DIR, by default the build folder.
# The flags: one exported symbol, nothing undefined, nothing that dlclose() could not undo.
set(DREY_PLUGIN_MAP "${CMAKE_CURRENT_LIST_DIR}/drey.map")

function(drey_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  set(out "${CMAKE_CURRENT_BINARY_DIR}")
  if(DREY_PLUGIN_DIR)
    set(out "${DREY_PLUGIN_DIR}")
  endif()
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".so" POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/${name}.fresh")
  target_link_libraries(${name} PRIVATE drey::sdk)
  target_compile_options(${name} PRIVATE -ftls-model=global-dynamic
    $<$<COMPILE_LANG_AND_ID:C,GNU>:-fno-gnu-unique>
    $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE -Wl,-z,now,-z,relro
    "-Wl,--version-script=${DREY_PLUGIN_MAP}")
  if(NOT DREY_SANITIZE) # a sanitizer's functions are found in the program
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E make_directory "${out}"
    COMMAND ${CMAKE_COMMAND} -E copy "$<TARGET_FILE:${name}>" "${out}/.${name}.so.new"
    COMMAND ${CMAKE_COMMAND} -E rename "${out}/.${name}.so.new" "${out}/${name}.so"
    VERBATIM)
endfunction()

# drey_add_replay_test(NAME FILES...): a test of ctest for the plugin NAME of drey_add_plugin():
# `drey replay` plays the files against it. drey is the one that is found beside this package, or on
# the PATH; -DDREY_PROGRAM=FILE names another.
function(drey_add_replay_test name)
  if(NOT ARGN)
    message(FATAL_ERROR "drey_add_replay_test(${name}): which files?")
  endif()
  if(TARGET drey)
    set(program $<TARGET_FILE:drey>)
  else()
    find_program(DREY_PROGRAM drey HINTS "${DREY_PROGRAM_HINT}")
    set(program "${DREY_PROGRAM}")
    if(NOT program)
      message(WARNING "drey is not found: the replay files of ${name} are not tested; "
        "-DDREY_PROGRAM=FILE says where it is")
      return()
    endif()
  endif()
  list(TRANSFORM ARGN PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/" OUTPUT_VARIABLE files)
  set(out "${CMAKE_CURRENT_BINARY_DIR}")
  if(DREY_PLUGIN_DIR)
    set(out "${DREY_PLUGIN_DIR}")
  endif()
  add_test(NAME replay.${name}
    COMMAND "${program}" replay --plugin "${out}/${name}.so" ${files})
  set_tests_properties(replay.${name} PROPERTIES TIMEOUT 120)
endfunction()
